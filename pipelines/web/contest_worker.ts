/** The worker of the comparison with jax-js: loaded when it is asked for, since it holds that library. */
import { theDevice } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import member from "../deno.json" with { type: "json" };
import type { ContestReply, ContestRequest } from "./messages.ts";
import { pageDevice } from "./device.ts";
import { aboutModel, failed, onRequest, reply, site } from "./worker_parts.ts";

// jax-js starts threads from texts, which the policy of the page refuses; without workers it computes on one thread
Reflect.deleteProperty(globalThis, "Worker");

const addresses = { script: new URL("compute.js", import.meta.url), modules: new URL("modules/", site) };

const tell = (message: ContestReply): void => reply(message);

onRequest(({ device }: ContestRequest) => {
  void Promise.all([aboutModel(), import("./contest.ts")]).then(([{ modules }, { contest, JAX_VERSION }]) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const { profile } = yield* theDevice();
        tell({ kind: "versions", device: profile.name, ours: member.version, jax: JAX_VERSION });
        yield* contest((result) => tell({ kind: "result", result }));
        tell({ kind: "done" });
      }).pipe(Effect.provide(pageDevice(device, addresses, modules))),
    )
  ).catch(failed(undefined));
});
