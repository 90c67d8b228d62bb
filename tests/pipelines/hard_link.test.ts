/** A file under a second name: it grows there too, follows what replaces it, and is absent where it is absent. */
import { DiskError } from "../../pipelines/base/disk.ts";
import { hardLink } from "../../pipelines/runs/hard_link.ts";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("second names");
const folder = Deno.makeTempDirSync(), file = `${folder}/made`, name = `${folder}/seen`;
test.after(() => Deno.remove(folder, { recursive: true }));

const run = (): Promise<void> => Effect.runPromise(hardLink(file, name));
const seen = (): string => Deno.readTextFileSync(name);

test("what grows is seen growing, what is replaced is named again, and nothing else is left there", async () => {
  await run();
  assert.equal([...Deno.readDirSync(folder)], [], "no file, no name");
  Deno.writeTextFileSync(file, "a");
  Deno.writeTextFileSync(name, "what stood there");
  await run();
  assert.is(seen(), "a");
  Deno.writeTextFileSync(file, "b", { append: true });
  assert.is(seen(), "ab");
  await run();
  Deno.writeTextFileSync(`${file}.tmp`, "c");
  Deno.renameSync(`${file}.tmp`, file);
  assert.is(seen(), "ab", "until it is named again");
  await run();
  assert.is(seen(), "c");
  Deno.removeSync(file);
  await run();
  assert.is(seen(), "c", "what was made stays under its second name");
  assert.equal([...Deno.readDirSync(folder)].map((entry) => entry.name), ["seen"]);
});

test("where nothing can be named, the disk says why", async () => {
  Deno.writeTextFileSync(file, "a");
  const error = await Effect.runPromise(Effect.flip(hardLink(file, `${folder}/nowhere/seen`)));
  assert.instance(error, DiskError);
  assert.is(error.code, "ENOENT");
});

test.run();
