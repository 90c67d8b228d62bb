/** Grids over fields of an experiment: every combination of values is an arm of its own. */
import * as E from "fp-ts/lib/Either.js";
import { DecodeError } from "../base/bridge.ts";

/** One arm of a grid. */
export interface GridPoint {
  /** Its name, from the fields and their values; files are named by it. */
  readonly name: string;
  /** The settings that make it, `field=value`. */
  readonly settings: readonly string[];
}

// commas between values, not those inside lists and objects
const valuesIn = (text: string): readonly string[] => {
  const values = [""];
  let depth = 0;
  for (const character of text) {
    depth += "[{".includes(character) ? 1 : "]}".includes(character) ? -1 : 0;
    if (character === "," && depth === 0) values.push("");
    else values[values.length - 1] += character;
  }
  return values;
};

const wrong = (got: string): DecodeError =>
  new DecodeError({
    op: "--sweep",
    got,
    expected: "a field and two values or more, all different: field=a,b,c",
    hint: "write for example --sweep pretrain.learningRate=1e-3,3e-3",
    refusals: [],
  });

const nameOf = (field: string, value: string): string =>
  `${field.slice(field.lastIndexOf(".") + 1)}-${value.replaceAll(/[^\w.-]+/g, "_")}`;

/** The arms of a grid: of several sweeps every combination, the last one fastest. */
export const gridOf = (sweeps: readonly string[]): E.Either<DecodeError, readonly GridPoint[]> => {
  let points: readonly GridPoint[] = [{ name: "", settings: [] }];
  for (const sweep of sweeps) {
    const at = sweep.indexOf("="), field = sweep.slice(0, at), values = valuesIn(sweep.slice(at + 1));
    if (at < 1 || values.length < 2 || new Set(values).size < values.length) return E.left(wrong(sweep));
    points = points.flatMap(({ name, settings }) =>
      values.map((value) => ({
        name: [name, nameOf(field, value)].filter((part) => part !== "").join("_"),
        settings: [...settings, `${field}=${value}`],
      }))
    );
  }
  return E.right(points);
};
