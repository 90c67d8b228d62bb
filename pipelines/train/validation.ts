/** Validation of a training: the loss of some batches, by programs over the training's own parameters, and scores. */
import {
  add,
  averagedParams,
  constant,
  input,
  lossOf,
  mul,
  type Tensor,
  tensors,
  type Tree,
  type TreeError,
  zerosArray,
} from "@chain-of-sight/core";
import type { Device, DeviceError, Program, Source } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { MetricRecord } from "../runs/metrics.ts";
import type { LazyArray } from "../weights/lazy.ts";
import { TrainingError } from "./fault.ts";
import { loadAlongside } from "./programs.ts";
import { described, donated } from "./step_source.ts";
import type { Training, Validation } from "./training.ts";

const SUMS = "validation.sum.";

/** Adds the loss and the further scalars of a batch to sums on the device, each times what the batch weighs. */
const validationSource = <B, E, R>(
  training: Training<B, E, R>,
  { weight = "" }: Pick<Validation, "weight">,
  batch: B,
): Source => {
  const { settings: trained, state } = described(training);
  const settings = { ...trained, ...(training.answers && { loss: training.answers.loss }) };
  const params = training.result?.weights === "ema" ? averagedParams(state) : state.params;
  const [loss, { [weight]: items = constant(1), ...others }] = lossOf(settings)(params, batch);
  const added = { ...tensors.map({ loss, ...others }, (m): Tensor => mul(m, items)), items };
  const outputs = Object.fromEntries(
    Object.entries(added).map(([name, t]) => [`${SUMS}${name}`, add(input(`${SUMS}${name}`, []), t)]),
  );
  return { outputs, donate: donated(outputs), inputs: tensors.leaves(batch as Tree<Tensor>) };
};

/** A validation that is loaded. */
export interface LoadedValidation<E, R> {
  /** Measures the metrics of its record, without scores. */
  readonly losses: Losses<E, R>;
  /** Bytes that its programs hold on the device alongside the training's. */
  readonly bytes: number;
}

type Losses<E, R> = Effect.Effect<Readonly<Record<string, number>>, DeviceError | TreeError | E, R>;

/** Loads the programs of a validation, for every shape of batch, alongside the one that holds the training's state. */
export const loadValidation = <B, E, R>(
  training: Training<B, E, R>,
  validation: Validation<E, R>,
  main: Program,
): Effect.Effect<LoadedValidation<E, R>, DeviceError | TreeError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const programs: Program[] = [];
    const { batch, others = [], answers } = training;
    for (const shape of answers?.batches ?? [batch, ...others.map(({ batch }) => batch)]) {
      programs.push(yield* loadAlongside(validationSource(training, validation, shape), [main, ...programs]));
    }
    const first = programs[0]!;
    const sums = Object.keys(first.plan.inputs).filter((path) => path.startsWith(SUMS));
    const losses = Effect.gen(function* () {
      yield* first.write(Object.fromEntries(sums.map((path) => [path, zerosArray("f32", [])])));
      for (let i = 0; i < validation.batches; i++) {
        const batch = yield* validation.batchAt(i), paths = Object.keys(batch);
        const program = programs.find(({ plan }) => paths.every((path) => path in plan.inputs)) ?? first;
        yield* Effect.andThen(program.write(batch), program.run);
        yield* Effect.sleep(0);
      }
      const read = yield* first.read(sums), valueOf = (path: string): number => read[path]!.data[0]!;
      const items = valueOf(`${SUMS}items`) || 1;
      return Object.fromEntries(
        sums.filter((path) => path !== `${SUMS}items`).map((path) => [
          `validation/${path.slice(SUMS.length)}`,
          valueOf(path) / items,
        ]),
      );
    });
    return { losses, bytes: programs.reduce((sum, { bytes }) => sum + bytes, 0) };
  });

/** The record of a validation after a step: losses and scores. One without the metric that decides is refused. */
export const validationRecord = <B, E, R>(
  { stage, validation }: Pick<Training<B, E, R>, "stage"> & { readonly validation: Validation<E, R> },
  losses: LoadedValidation<E, R>["losses"],
  params: Effect.Effect<Tree<LazyArray>, DeviceError | TreeError>,
  step: number,
): Effect.Effect<MetricRecord, DeviceError | TreeError | TrainingError | E, R> =>
  Effect.gen(function* () {
    const { scores, metric } = validation;
    const scored = scores === undefined ? {} : yield* Effect.flatMap(params, (of) => scores(of, step));
    const named = Object.entries(scored).map(([name, value]) => [`scores/${name}`, value] as const);
    const record: MetricRecord = { step, ...(yield* losses), ...Object.fromEntries(named) };
    if (typeof record[metric] === "number") return record;
    const { step: _step, ...measured } = record;
    return yield* Effect.fail(
      new TrainingError({
        op: `validate ${stage}`,
        got: `no metric ${metric}`,
        expected: `one of ${Object.keys(measured).join(", ")}`,
        hint: "name one of those in validation.metric",
        stage,
        step,
      }),
    );
  });
