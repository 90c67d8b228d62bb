/** The named configurations, by name and size. */
import { ConfigError } from "@chain-of-sight/core";
import { distance } from "fastest-levenshtein";
import * as E from "fp-ts/lib/Either.js";
import type { Geometry, NamedConfig } from "./config.ts";
import type { ConfigEntry } from "./entry.ts";
import { geometryBases } from "./geometry.ts";
import { paperEntries } from "./paper_entries.ts";
import { quartered } from "./quarter.ts";
import { baselineEntries } from "./baseline_entries.ts";

const configOf = ({ bridge, ...entry }: ConfigEntry, geometry: Geometry): NamedConfig => {
  const { model, resolution, pretrain, finetune, assumptions } = geometryBases[geometry];
  const factor = entry.expansion === null
    ? 1
    : entry.expansion.kind === "grow"
    ? entry.expansion.growth.resolution
    : entry.expansion.tiles;
  return {
    ...entry,
    geometry,
    model,
    bridge: geometry === "full" ? bridge : quartered(bridge),
    pretrain: { resolution, ...pretrain },
    finetune: { resolution: resolution * factor, ...finetune },
    assumptions,
  };
};

const entries: readonly ConfigEntry[] = [...paperEntries, ...baselineEntries];

/** Names of all configurations: the rows of the paper, then baselines and controls. Each exists in every geometry. */
export const configNames: readonly string[] = entries.map(({ name }) => name);

/** All configurations of a size, in the order of their names. */
export const configsOf = (geometry: Geometry): readonly NamedConfig[] =>
  entries.map((entry) => configOf(entry, geometry));

/** Names that the paper gives to its models, in small letters, and the configurations that they are. */
const models: Readonly<Record<string, string>> = { "cos-7b": "cos-80-1296" };

/** The three names that are written most like a text. */
const nearest = (text: string): readonly string[] =>
  configNames.map((name) => ({ name, far: distance(text, name) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ name }) => name);

/**
 * The configuration of a name, or of the paper's name of a model (CoS-7B); an unknown name is a ConfigError that says
 * which there are, and which are nearest.
 */
export const configNamed = (
  name: string,
  geometry: Geometry = "full",
): E.Either<ConfigError, NamedConfig> => {
  const lower = name.toLowerCase(), wanted = models[lower] ?? lower;
  const entry = entries.find((e) => e.name === wanted);
  if (entry !== undefined) return E.right(configOf(entry, geometry));
  const kindOf = (known: string): string => known.replace(/-\d.*$/, "");
  const alike = configNames.filter((known) => kindOf(known) === kindOf(lower));
  const kinds = [...new Set(configNames.map(kindOf))];
  return E.left(
    new ConfigError({
      op: "configNamed",
      got: name === "" ? "nothing" : name,
      expected: alike.length > 0
        ? `one of ${alike.join(", ")}`
        : `one of ${configNames.length} names, which begin with ${kinds.join(", ")}`,
      hint: `nearest are ${nearest(lower).join(", ")}; list all with \`deno task configs\``,
    }),
  );
};
