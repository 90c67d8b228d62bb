/**
 * Loaded before every test file: its suites wait until the whole file has been read, and run in one turn. By itself uvu
 * begins as soon as a file waits for something between two suites; what it then says at the end, its exit code included,
 * is about the last turn alone.
 */

// what uvu's own command sets before it reads files; uvu looks as soon as it is loaded
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]], UVU_INDEX: 0 });

addEventListener("load", async () => {
  const { exec } = await import("uvu");
  // deno task fuzz runs the suites that hold properties (tests/support/property.ts), and in them nothing else
  if (Deno.env.has("FUZZ")) {
    const { suitesWithProperties } = await import("./support/property.ts");
    globalThis.UVU_QUEUE = globalThis.UVU_QUEUE.map(suitesWithProperties);
  }
  await exec();
  // what a test that was left out would have closed must not keep the process; an error of the file comes first
  if (Deno.env.has("FUZZ")) setTimeout(() => Deno.exit(), 100);
});
