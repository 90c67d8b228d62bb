/**
 * adapter_config.json of PEFT (`LoraConfig` of v0.20.0): which fields decide the sum that an adapter adds to a map. Every
 * field is honoured, known to change nothing once adapters are trained, or refused by name where it is set.
 */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError } from "../../base/bridge.ts";
import { namePattern } from "../../text/pattern.ts";
import { count, finite, flag, orNull } from "./fields.ts";
import { type UnsupportedError, unsupportedIn } from "./unsupported.ts";

const FILE = "adapter_config.json";
const MAX_RANK = 2 ** 16;

const names = orNull(t.union([t.string, t.array(t.string)]));
const rank = t.refinement(count, (r) => r <= MAX_RANK, `an integer from 1 to ${MAX_RANK}`);

const codec = t.intersection([
  t.type({ peft_type: t.string, r: rank, lora_alpha: finite }),
  t.partial({
    bias: t.string,
    use_rslora: orNull(flag),
    init_lora_weights: orNull(t.union([t.boolean, t.string])),
    target_modules: names,
    exclude_modules: names,
    layers_to_transform: orNull(t.union([t.number, t.array(t.number)])),
    layers_pattern: names,
    rank_pattern: orNull(t.record(t.string, rank)),
    alpha_pattern: orNull(t.record(t.string, finite)),
  }),
]);

type Fields = t.TypeOf<typeof codec>;

/** Fields that say where an adapter came from, how it was trained, or how a model is split over devices. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "task_type",
  "auto_mapping",
  "peft_version",
  "base_model_name_or_path",
  "revision",
  "inference_mode",
  "lora_dropout",
  "megatron_core",
  "runtime_config",
  "qalora_group_size", // read with use_qalora alone
]);

const HONOURED: ReadonlySet<string> = new Set([
  "peft_type",
  "r",
  "lora_alpha",
  "bias",
  "use_rslora",
  "init_lora_weights",
  "target_modules",
  "exclude_modules",
  "layers_to_transform",
  "layers_pattern",
  "rank_pattern",
  "alpha_pattern",
]);

/** Initialisations that leave the base weights as they are; the others turn them into a residual or quantise them. */
const INITIALISATIONS: readonly unknown[] = [undefined, null, true, false, "gaussian", "orthogonal"];

// how a field that is not set is written
const isUnset = (value: unknown): boolean =>
  value === undefined || value === null || value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

const unsupported = unsupportedIn(FILE);
const plain = "adapters that are a product of two matrices and nothing else";

const kindFault = (fields: Fields): UnsupportedError | undefined => {
  if (fields.peft_type !== "LORA") return unsupported("peft_type", fields.peft_type, "LORA");
  if ((fields.bias ?? "none") !== "none") return unsupported("bias", fields.bias, plain);
  if (!INITIALISATIONS.includes(fields.init_lora_weights)) {
    return unsupported(
      "init_lora_weights",
      fields.init_lora_weights,
      "an initialisation that leaves the base weights unchanged (true, false, gaussian, orthogonal); " +
        "convert the adapter to plain LoRA with PEFT",
    );
  }
  const other = Object.entries(fields).find(([name, value]) =>
    !HONOURED.has(name) && !WITHOUT_EFFECT.has(name) && !isUnset(value)
  );
  return other === undefined ? undefined : unsupported(other[0], other[1], plain);
};

const listOf = <A>(value: A | readonly A[] | null | undefined): readonly A[] =>
  value === null || value === undefined ? [] : Array.isArray(value) ? value : [value as A];

/** A test of map names; python's `re` writes what is used here as JavaScript does. */
const patternOf = (field: string, source: string): E.Either<UnsupportedError, RegExp> =>
  pipe(
    namePattern(source),
    E.mapLeft((reason) =>
      unsupported(field, source, `a regular expression that can be used here: ${reason}`)
    ),
  );

const endsIn = (map: string, name: string): boolean => map === name || map.endsWith(`.${name}`);

const allOf3 = <L, A, B, C>(
  a: E.Either<L, A>,
  b: E.Either<L, B>,
  c: E.Either<L, C>,
): E.Either<L, readonly [A, B, C]> =>
  pipe(
    a,
    E.flatMap((x) => pipe(b, E.flatMap((y) => pipe(c, E.map((z) => [x, y, z] as const))))),
  );

type Chooses = (map: string) => boolean;

const chosenBy = (
  field: string,
  value: string | readonly string[] | null | undefined,
): E.Either<UnsupportedError, Chooses> =>
  typeof value === "string" && value !== "all-linear"
    ? pipe(patternOf(field, `^(?:${value})$`), E.map((pattern) => (map) => pattern.test(map)))
    : E.right((map) => listOf(value).some((name) => endsIn(map, name)));

const layerChooser = (fields: Fields): E.Either<UnsupportedError, Chooses> => {
  const layers = listOf(fields.layers_to_transform);
  if (layers.length === 0) return E.right(() => true);
  const lists = listOf(fields.layers_pattern), sources = lists.length === 0 ? ["[^.]*"] : lists;
  return pipe(
    E.traverseArray((source: string) => patternOf("layers_pattern", `^.*\\.${source}\\.(\\d+)\\.`))(sources),
    E.map((patterns) => (map) => {
      const found = patterns.map((pattern) => pattern.exec(map)).find((match) => match !== null);
      return found !== undefined && layers.includes(Number(found!.at(-1)));
    }),
  );
};

const chooser = (fields: Fields): E.Either<UnsupportedError, Chooses> => {
  const { target_modules: targets, exclude_modules } = fields;
  return pipe(
    allOf3(
      chosenBy("target_modules", targets),
      chosenBy("exclude_modules", exclude_modules),
      layerChooser(fields),
    ),
    E.map(([target, excluded, layer]): Chooses => (map) =>
      !excluded(map) &&
      (targets === undefined || targets === null || targets === "all-linear"
        ? layer(map)
        : typeof targets === "string"
        ? target(map)
        : targets.includes(map) || (target(map) && layer(map)))
    ),
  );
};

/** The value of a map: that of the first pattern which matches its name or the end of it. */
const valueOf = (
  field: string,
  patterns: Readonly<Record<string, number>> | null | undefined,
  otherwise: number,
): E.Either<UnsupportedError, (map: string) => number> =>
  pipe(
    E.traverseArray(([source, value]: [string, number]) =>
      pipe(patternOf(field, `^(?:.*\\.)?(?:${source})$`), E.map((pattern) => ({ pattern, value })))
    )(Object.entries(patterns ?? {})),
    E.map((all) => (map) => all.find(({ pattern }) => pattern.test(map))?.value ?? otherwise),
  );

/** What a configuration says of the maps of a model. */
export interface AdapterRules {
  /** Whether PEFT puts an adapter on a map. */
  readonly chooses: (map: string) => boolean;
  /** The rank of its factors. */
  readonly rankOf: (map: string) => number;
  /** The numerator over the rank that gives the scale of its sum: with `use_rslora`, `alpha * sqrt(rank)`. */
  readonly alphaOf: (map: string) => number;
}

/** The rules of a parsed adapter_config.json; the error names the field that is not honoured here. */
export const adapterRules = (json: unknown): E.Either<DecodeError | UnsupportedError, AdapterRules> =>
  pipe(
    json,
    decodeEither(codec, FILE),
    E.flatMap((fields): E.Either<DecodeError | UnsupportedError, AdapterRules> => {
      const fault = kindFault(fields);
      if (fault !== undefined) return E.left(fault);
      return pipe(
        allOf3(
          chooser(fields),
          valueOf("rank_pattern", fields.rank_pattern, fields.r),
          valueOf("alpha_pattern", fields.alpha_pattern, fields.lora_alpha),
        ),
        E.map(([chooses, rankOf, plainAlpha]) => ({
          chooses,
          rankOf,
          alphaOf: (map) =>
            fields.use_rslora === true ? plainAlpha(map) * Math.sqrt(rankOf(map)) : plainAlpha(map),
        })),
      );
    }),
  );
