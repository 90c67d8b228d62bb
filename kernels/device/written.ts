/**
 * Contents of the memory of inputs: nothing until it is written, by the host, by a run that donates a result to it, or
 * through another program that shares it. A program does not run on memory that holds nothing.
 */
import { show, sizeOf, TreeError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import type { Plan } from "../plan/plan.ts";

/** Whether the place of an input holds a value; one object for all programs that share the place. */
interface Held {
  value: boolean;
}

/** What a program and those next to it have written. */
export class Written {
  readonly #plan: Plan;
  readonly #held: ReadonlyMap<string, Held>;
  /** The element from which on the rest of an input is to be written. */
  readonly #rest = new Map<string, number>();
  #ran = false;

  /** Nothing written, but what programs that share inputs have written there. */
  constructor(plan: Plan, alongside: readonly Written[]) {
    this.#plan = plan;
    this.#held = new Map(
      Object.keys(plan.inputs).map((path) => [
        path,
        // the place that `placesShared` takes
        alongside.flatMap((other) => other.#held.get(path) ?? []).at(-1) ?? { value: false },
      ]),
    );
  }

  /** Notes inputs that the host has written. */
  wrote(paths: Iterable<string>): void {
    for (const path of paths) {
      this.#held.get(path)!.value = true;
      this.#rest.delete(path);
    }
  }

  /** Refuses a run of an input's elements that neither begins it nor follows the one before. */
  readonly beforePart = (path: string, at: number): Effect.Effect<void, TreeError> =>
    Effect.suspend(() => {
      const next = this.#rest.get(path) ?? 0;
      return at === 0 || at === next ? Effect.void : Effect.fail(
        new TreeError({
          op: "write",
          got: `elements from ${at} on for ${path}`,
          expected: `those from ${next} on`,
          hint: "write the runs of an input in order, from its first element on",
        }),
      );
    });

  /** Notes a run of an input's elements up to one; with the last the input holds a value. */
  wrotePart(path: string, end: number): void {
    if (end === sizeOf(this.#plan.inputs[path]!.shape)) return this.wrote([path]);
    this.#held.get(path)!.value = false;
    this.#rest.set(path, end);
  }

  /** Notes a run. */
  ran(): void {
    this.#ran = true;
    this.wrote(Object.values(this.#plan.donate));
  }

  /** Refuses to run while an input that results depend on holds nothing. */
  readonly beforeRun = (): Effect.Effect<void, TreeError> =>
    Effect.suspend(() => {
      const { inputs, needed } = this.#plan, missing = needed.filter((path) => !this.#held.get(path)!.value);
      if (missing.length === 0) return Effect.void;
      const named = missing.slice(0, 8).map((path) => {
        const { dtype, shape, origin } = inputs[path]!;
        return `${path} (${dtype} ${show(shape)}${origin.at === undefined ? "" : `, ${origin.at}`})`;
      });
      const more = missing.length - named.length;
      return Effect.fail(
        new TreeError({
          op: "run",
          got: `no value for the input${missing.length === 1 ? "" : "s"} ${named.join(", ")}${
            more > 0 ? ` and ${more} more` : ""
          }`,
          expected: "a value for every input that the results depend on",
          hint: "write each of them before the first run",
        }),
      );
    });

  /** Refuses to read what holds nothing: inputs that were never written, and results before the first run. */
  readonly beforeRead = (names: readonly string[]): Effect.Effect<void, TreeError> =>
    Effect.suspend(() => {
      const { outputs, donate } = this.#plan;
      const path = (name: string): string | undefined => donate[name] ?? (name in outputs ? undefined : name);
      const empty = names.filter((name) => {
        const input = path(name);
        return input === undefined ? !this.#ran : !this.#held.get(input)!.value;
      });
      return empty.length === 0 ? Effect.void : Effect.fail(
        new TreeError({
          op: "read",
          got: `${empty.join(", ")}, which ${empty.length === 1 ? "holds" : "hold"} no value yet`,
          expected: "results of a run, or inputs that were written",
          hint: "write the inputs and run the program first",
        }),
      );
    });
}
