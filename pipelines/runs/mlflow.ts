/**
 * The file store of MLflow (`mlflow/store/tracking/file_store.py`, https://github.com/mlflow/mlflow, commit 001cc178):
 *
 *     <store>/<experiment>/meta.yaml
 *     <store>/<experiment>/<run>/meta.yaml
 *                               /metrics/<name>   lines of milliseconds since 1970, value and step
 *                               /params/<name>    the value
 *                               /tags/<name>      the value
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as Effect from "effect/Effect";
import { atomicWrite, existing } from "../base/disk.ts";
import { endsOf } from "../base/fields.ts";
import { hashOf } from "../base/hash.ts";
import { appendOwn, readOwnText } from "../base/own_file.ts";
import { folderOf } from "../base/paths.ts";
import type { LiveEnd, LiveTraining, LiveWriter } from "./live.ts";

/** Name of the experiment that all trainings belong to. */
const EXPERIMENT = "chain-of-sight";

/** Its id: 18 digits, as MLflow gives them. */
const EXPERIMENT_ID: string = (BigInt(`0x${hashOf(EXPERIMENT).slice(0, 15)}`) % 10n ** 17n + 10n ** 17n)
  .toString();

// `RunStatus` of `mlflow/entities/run_status.py`
const RUNNING = 1, ended: Readonly<Record<LiveEnd, number>> = { finished: 3, failed: 4, killed: 5 };

// `SourceType.LOCAL` of `mlflow/entities/source_type.py`
const LOCAL = 4;

/** Characters of the longest value of a parameter that MLflow takes. */
const LIMIT = 6000;

/** A name as MLflow takes names: at most 250 letters, digits, dashes, dots, spaces and slashes, of a file below a folder. */
const nameOf = (name: string): string =>
  name.slice(0, 250).replaceAll(/[^\w./ -]/g, "_").split("/").map((part) => /^\.*$/.test(part) ? "_" : part)
    .join("/");

/** A mapping as YAML, whose flow scalars are those of JSON. */
const yamlOf = (fields: Readonly<Record<string, unknown>>): string =>
  Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`).join("");

const write = async (path: string, text: string): Promise<void> => {
  await Deno.mkdir(folderOf(path), { recursive: true });
  await Effect.runPromise(atomicWrite(path, [new TextEncoder().encode(text)]));
};

/** Every field of the configuration of a run, by its path; none of a run without a manifest. */
const paramsOf = async (run: string): Promise<readonly (readonly [string, string])[]> => {
  const text = await readOwnText(`${run}/manifest.json`).catch(() => "{}");
  const { config = {} } = JSON.parse(text) as { readonly config?: unknown };
  return endsOf(config, "").flatMap(([path, value]) =>
    value === undefined || typeof value === "object" ? [] : [[path, String(value).slice(0, LIMIT)] as const]
  );
};

/** Opens the run of a training in a store, without the metrics that it had there. */
export const mlflowWriter = async (store: string, training: LiveTraining): Promise<LiveWriter> => {
  const root = resolve(store),
    run = resolve(training.run),
    name = `${run.slice(run.lastIndexOf("/") + 1)}/${training.stage}`;
  const id = hashOf([run, training.stage]).slice(0, 32), experiment = `${root}/${EXPERIMENT_ID}`;
  const place = `${experiment}/${id}`, began = Math.round(training.began * 1000);
  if (!await Effect.runPromise(existing(`${experiment}/meta.yaml`))) {
    await write(
      `${experiment}/meta.yaml`,
      yamlOf({
        artifact_location: pathToFileURL(experiment).href,
        creation_time: began,
        experiment_id: EXPERIMENT_ID,
        last_update_time: began,
        lifecycle_stage: "active",
        name: EXPERIMENT,
      }),
    );
  }
  const meta = (status: number, end: number | null) =>
    write(
      `${place}/meta.yaml`,
      yamlOf({
        artifact_uri: pathToFileURL(`${place}/artifacts`).href,
        end_time: end,
        entry_point_name: "",
        experiment_id: EXPERIMENT_ID,
        lifecycle_stage: "active",
        run_id: id,
        run_name: name,
        run_uuid: id,
        source_name: "",
        source_type: LOCAL,
        source_version: "",
        start_time: began,
        status,
        tags: [],
        user_id: "",
      }),
    );
  await Deno.remove(`${place}/metrics`, { recursive: true }).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  });
  for (const folder of ["metrics", "params", "tags", "artifacts"]) {
    await Deno.mkdir(`${place}/${folder}`, { recursive: true });
  }
  await meta(RUNNING, null);
  const tags = { "mlflow.runName": name, "mlflow.source.name": run, "mlflow.source.type": "LOCAL" };
  for (const [tag, value] of Object.entries(tags)) await write(`${place}/tags/${tag}`, value);
  for (const [param, value] of await paramsOf(run)) await write(`${place}/params/${nameOf(param)}`, value);
  let now = began;
  return {
    add: async (records) => {
      const lines = new Map<string, string>();
      for (const { step, ...values } of records) {
        now += typeof values.seconds === "number" ? values.seconds * 1000 : 0;
        for (const [metric, value] of Object.entries(values)) {
          if (typeof value !== "number") continue;
          lines.set(metric, `${lines.get(metric) ?? ""}${Math.round(now)} ${value} ${step}\n`);
        }
      }
      for (const [metric, text] of lines) {
        const path = `${place}/metrics/${nameOf(metric)}`;
        await Deno.mkdir(folderOf(path), { recursive: true });
        await appendOwn(path, text);
      }
    },
    close: (end) => meta(ended[end], Math.round(now)),
  };
};
