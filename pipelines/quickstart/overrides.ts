/** Single fields of a configuration, changed from the command line. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as RA from "fp-ts/lib/ReadonlyArray.js";
import { decodeEither, DecodeError } from "../bridge.ts";
import { quickstartCodec, type QuickstartConfig } from "./config.ts";

const valueOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> => typeof x === "object" && x !== null;

const unknownField = (field: string, at: string, among: readonly string[]): DecodeError =>
  new DecodeError({
    op: "--set",
    got: `the field ${field}`,
    expected: `${at === "" ? "" : `in ${at}: `}one of ${among.join(", ")}`,
    mend: "name a field of the configuration, such as pretrain.steps=100",
    refusals: [{ path: field, got: "nothing", expected: among.join(", ") }],
  });

const put = (
  target: unknown,
  names: readonly string[],
  value: unknown,
  field: string,
  at: string,
): E.Either<DecodeError, unknown> => {
  const [name, ...rest] = names;
  if (name === undefined) return E.right(value);
  if (!isRecord(target) || !(name in target)) {
    return E.left(unknownField(field, at, isRecord(target) ? Object.keys(target) : ["nothing below"]));
  }
  return pipe(
    put(target[name], rest, value, field, at === "" ? name : `${at}.${name}`),
    E.map((made) =>
      Array.isArray(target)
        ? target.map((old: unknown, i) => String(i) === name ? made : old)
        : { ...target, [name]: made }
    ),
  );
};

const one = (config: unknown, setting: string): E.Either<DecodeError, unknown> => {
  const at = setting.indexOf("=");
  if (at <= 0) {
    return E.left(
      new DecodeError({
        op: "--set",
        got: setting,
        expected: "field=value",
        mend: "write for example --set pretrain.steps=100",
        refusals: [],
      }),
    );
  }
  const field = setting.slice(0, at);
  return put(config, field.split("."), valueOf(setting.slice(at + 1)), field, "");
};

/**
 * A configuration with `field=value` settings applied in order; values are JSON, or text that is no JSON. Fields that
 * do not exist and values out of range are a DecodeError, and the configuration given is untouched.
 */
export const override = (
  config: QuickstartConfig,
  settings: readonly string[],
): E.Either<DecodeError, QuickstartConfig> =>
  pipe(
    settings,
    RA.reduce<string, E.Either<DecodeError, unknown>>(
      E.right(config),
      (sofar, setting) => E.flatMap((value: unknown) => one(value, setting))(sofar),
    ),
    E.flatMap(decodeEither(quickstartCodec(), "quickstart configuration")),
  );
