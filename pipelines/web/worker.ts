/** The computing worker of a page: opens a device and answers requests one after the other. */
import { type Device, type DeviceProfile, mayShareMemory, theDevice } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import { type Asker, openAsker } from "./asker.ts";
import { pageDevice } from "./device.ts";
import { squareOf } from "./image.ts";
import { inspect } from "./inspect.ts";
import type { DeviceChoice, PageRequest } from "./messages.ts";
import { aboutModel, failed, loadedModel, onRequest, reply, site } from "./worker_parts.ts";

type Waiting = Exclude<PageRequest, { readonly kind: "open" }>;
let waiting: Waiting[] = [], wake = (): void => {};

const next = async (): Promise<Waiting> => {
  while (waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
  return waiting.shift()!;
};

const answer = (asker: Asker, request: Waiting): Effect.Effect<void, unknown, Device> =>
  Effect.gen(function* () {
    const { id } = request;
    if (request.kind === "inspect") {
      return reply({ kind: "inspected", id, inspection: yield* inspect(request.example) });
    }
    const { about: { master, bridge } } = yield* Effect.promise(loadedModel);
    const rgb = yield* Effect.tryPromise({
      try: () => squareOf(request.image, master, bridge.resolution),
      catch: (cause) => cause,
    });
    const question = { rgb, question: request.question };
    let began = performance.now();
    const { ids, answer, unknown } = yield* asker.answer(
      question,
      (text) => reply({ kind: "words", id, text }),
    );
    reply({ kind: "answered", id, answer, unknown, seconds: (performance.now() - began) / 1000 });
    began = performance.now();
    const maps = yield* asker.maps(question, ids);
    reply({ kind: "maps", id, ...maps, seconds: (performance.now() - began) / 1000 });
  });

/** The name of a device, with the threads that compute. */
const threadsOf = ({ provider, name }: DeviceProfile, choice: DeviceChoice): string => {
  if (provider !== "cpu") return name;
  const threads = choice !== "thread" && mayShareMemory() ? navigator.hardwareConcurrency : 1;
  return `${name}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
};

const session = (choice: DeviceChoice, withModel: boolean) =>
  Effect.gen(function* () {
    const began = performance.now(), it = yield* Effect.promise(aboutModel);
    const addresses = { script: new URL("compute.js", import.meta.url), modules: new URL("modules/", site) };
    yield* Effect.scoped(Effect.gen(function* () {
      const { profile } = yield* theDevice(),
        loaded = withModel ? yield* Effect.promise(loadedModel) : undefined;
      const asker = loaded === undefined ? undefined : yield* openAsker(loaded);
      reply({
        kind: "opened",
        device: threadsOf(profile, choice),
        seconds: (performance.now() - began) / 1000,
        model: {
          name: it.name,
          parameters: loaded?.parameters ?? 0,
          visualTokens: loaded?.causalLM.images?.tokens ?? 0,
          resolution: it.bridge.resolution,
          samples: it.samples,
        },
      });
      for (;;) {
        const request = yield* Effect.promise(next);
        const work = answer(asker!, request);
        yield* work.pipe(Effect.catch((error) => Effect.sync(() => failed(request.id)(error))));
      }
    })).pipe(Effect.provide(pageDevice(choice, addresses, it.modules)));
  });

let running: Fiber.Fiber<void, unknown> | undefined;

const open = async (choice: DeviceChoice, withModel: boolean): Promise<void> => {
  if (running !== undefined) await Effect.runPromise(Fiber.interrupt(running));
  waiting = [];
  running = Effect.runFork(
    session(choice, withModel).pipe(
      Effect.catch((error) => Effect.sync(() => failed(undefined)(error))),
      Effect.catchDefect((defect) => Effect.sync(() => failed(undefined)(defect))),
    ),
  );
};

onRequest((data: PageRequest) => {
  if (data.kind === "open") void open(data.device, data.model);
  else {
    waiting.push(data);
    wake();
  }
});
