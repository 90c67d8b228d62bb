/**
 * The named configurations: every row of the paper's tables, baselines and controls.
 *
 *     deno task cos configs [--json] [--geometry full|small] [name]
 */
import { Argument, Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { fromEither } from "../base/bridge.ts";
import { geometries } from "../configs/config.ts";
import { configNamed, configsOf } from "../configs/named.ts";
import { configJson, configTable, configText } from "../configs/show.ts";
import { print } from "../terminal/output.ts";
import { choiceFlag, switchFlag } from "./flags.ts";

const parts = {
  name: Argument.String("name").pipe(
    Argument.optional,
    Argument.withDescription("one configuration in full; all of them in a table by default"),
  ),
  json: switchFlag("json", "print JSON: the configuration, and what follows from it under facts"),
  geometry: choiceFlag(
    "geometry",
    geometries,
    "full",
    "full: as in the paper; small: a quarter of the tokens, trains on a CPU",
  ),
};

/** The command. */
export const command = Command.make("configs", parts, ({ name, json, geometry }) =>
  Option.match(name, {
    onNone: () =>
      Effect.sync(() => {
        const all = configsOf(geometry);
        print(json ? JSON.stringify(all.map(configJson), null, 2) : configTable(all));
      }),
    onSome: (given) =>
      Effect.map(fromEither(configNamed(given, geometry)), (config) => {
        print(json ? JSON.stringify(configJson(config), null, 2) : configText(config));
      }),
  }));
