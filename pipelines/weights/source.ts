/** Where stored tensors are: one safetensors file, or the shards that an index names. No weights are read here. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, fromEither, parseJson } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { inFile, refuse, type SafetensorsError } from "./fault.ts";
import {
  dataStartOf,
  fieldsOf,
  type Header,
  LENGTH_BYTES,
  MAX_DEPTH,
  MAX_HEADER_BYTES,
  parseHeader,
  RESERVED,
} from "./header.ts";
import { nestsDeeper, repeatedKey } from "./json_keys.ts";
import { openRanged, type RangedFile, readRange, readText } from "./ranged.ts";
import type { StoredType } from "./stored.ts";

/** One tensor in a file. */
export interface StoredTensor {
  /** Its name. */
  readonly name: string;
  /** Its element type. */
  readonly type: StoredType;
  /** Lengths of its axes. */
  readonly shape: readonly number[];
  /** The file that holds it. */
  readonly file: string;
  /** Its first byte in that file. */
  readonly at: number;
  /** Its size. */
  readonly bytes: number;
}

/** Contents of a checkpoint, in the order of its files and of the data in them. */
export interface WeightSource {
  /** The file, or the folder of the shards. */
  readonly path: string;
  /** The tensors. */
  readonly tensors: readonly StoredTensor[];
}

/** Why a source could not be opened. */
export type SourceError = DiskError | SafetensorsError;

/** The checked header of an open file, and the bytes before the data. */
export const headerIn = (
  path: string,
  file: RangedFile,
): Effect.Effect<{ readonly header: Header; readonly lead: Uint8Array }, SourceError> =>
  Effect.gen(function* () {
    const refused = Effect.mapError(inFile(path)), length = new Uint8Array(LENGTH_BYTES);
    if (file.bytes >= LENGTH_BYTES) yield* readRange(path, file, 0, length);
    const lead = new Uint8Array(yield* refused(fromEither(dataStartOf(length, file.bytes))));
    yield* readRange(path, file, 0, lead);
    return { header: yield* refused(fromEither(parseHeader(lead.subarray(LENGTH_BYTES), file.bytes))), lead };
  });

/** Reads and checks the header of one file. */
export const headerOf = (path: string): Effect.Effect<Header, SourceError> =>
  Effect.scoped(Effect.gen(function* () {
    const { header } = yield* headerIn(path, yield* openRanged(path));
    return header;
  }));

const tensorsOf = (file: string) => ({ tensors, dataStart }: Header): readonly StoredTensor[] =>
  tensors.map(([name, { dtype, shape, data_offsets: [begin, end] }]) => ({
    name,
    type: dtype,
    shape,
    file,
    at: dataStart + begin,
    bytes: end - begin,
  }));

const indexCodec = t.intersection([
  t.type({ weight_map: t.UnknownRecord }),
  t.partial({ metadata: t.UnknownRecord }),
]);

const indexFault = (got: string, expected: string): SafetensorsError =>
  refuse("index", got, expected, "get the index and its shards again from where they came from");

/** Whether a name is that of a file alongside an index: whatever could lead out of the folder is not. */
export const isPlainName = (name: string): boolean => /^[\w][\w.\- ]*\.safetensors$/.test(name);

/** Shards by name of their tensors, and what an index says alongside them. */
interface Index {
  readonly map: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const notDeep = (text: string): E.Either<SafetensorsError, string> =>
  nestsDeeper(text, MAX_DEPTH)
    ? E.left(indexFault(`brackets nested deeper than ${MAX_DEPTH}`, "a map from names to files"))
    : E.right(text);

const parseIndex = (text: string): E.Either<SafetensorsError, Index> =>
  pipe(
    notDeep(text),
    E.chainW(parseJson("index")),
    E.mapLeft((error) => indexFault(error.got, error.expected)),
    E.chain((json): E.Either<SafetensorsError, Index> => {
      const twice = repeatedKey(text);
      return twice !== undefined
        ? E.left(indexFault(`${JSON.stringify(twice)} twice`, "every name once"))
        : pipe(
          decodeEither(indexCodec, "index")(json),
          E.mapLeft((error) => indexFault(error.got, error.expected)),
          E.chain(({ weight_map, metadata = {} }) =>
            pipe(
              fieldsOf(t.string, weight_map),
              E.mapLeft((error) => indexFault(`weight_map.${error.got}`, error.expected)),
              E.map((map): Index => ({
                map,
                metadata: Object.fromEntries(
                  Object.entries(metadata).filter((entry): entry is [string, string] =>
                    typeof entry[1] === "string"
                  ),
                ),
              })),
            )
          ),
        );
    }),
    E.chain((index) => {
      const { map } = index;
      const outside = Object.values(map).find((file) => !isPlainName(file));
      const reserved = Object.keys(map).find((name) => RESERVED.includes(name));
      return outside !== undefined
        ? E.left(
          indexFault(
            `a shard at ${JSON.stringify(outside)}`,
            "names of .safetensors files alongside the index",
          ),
        )
        : reserved !== undefined
        ? E.left(indexFault(`a tensor named ${reserved}`, "another name"))
        : E.right(index);
    }),
  );

const list = (names: readonly string[]): string =>
  names.slice(0, 4).join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : "");

const agrees = (
  index: Index["map"],
  tensors: readonly StoredTensor[],
  folder: string,
): SafetensorsError | undefined => {
  const held = new Map(tensors.map((x) => [`${x.file}\n${x.name}`, x]));
  const absent = Object.entries(index).filter(([name, file]) => !held.has(`${folder}/${file}\n${name}`));
  if (absent.length > 0) {
    return indexFault(
      `shards without ${list(absent.map(([name, file]) => `${name} (${file})`))}`,
      "every tensor in the shard that the index names",
    );
  }
  const unknown = tensors.filter(({ name, file }) => `${folder}/${index[name]}` !== file);
  return unknown.length === 0 ? undefined : indexFault(
    `shards with ${list(unknown.map(({ name }) => name))}, which the index does not place there`,
    "no other tensors",
  );
};

/** The tensors of shards, and what the index says alongside them. */
export interface ShardedSource extends WeightSource {
  /** Texts of its metadata by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Opens the shards that an index names, which are next to it. */
export const openShards = (indexPath: string): Effect.Effect<ShardedSource, SourceError> =>
  Effect.gen(function* () {
    const refused = Effect.mapError(inFile(indexPath)), folder = folderOf(indexPath);
    const text = yield* readText(indexPath, MAX_HEADER_BYTES);
    const { map, metadata } = yield* refused(fromEither(parseIndex(text)));
    const files = [...new Set(Object.values(map))].toSorted().map((file) => `${folder}/${file}`);
    const tensors: StoredTensor[] = [];
    for (const file of files) tensors.push(...tensorsOf(file)(yield* headerOf(file)));
    const fault = agrees(map, tensors, folder);
    if (fault !== undefined) return yield* refused(Effect.fail(fault));
    return { path: folder, tensors, metadata };
  });

/** Weights of formats that are not read: pickles, which can run code, and those of other libraries. */
const OTHER_FORMAT = /\.(bin|pt|pth|ckpt|pkl|h5|msgpack|gguf|onnx|npz)$/;

const withoutSafetensors = (names: readonly string[], base: string): SafetensorsError => {
  const other = names.filter((name) => OTHER_FORMAT.test(name));
  return refuse(
    "index",
    other.length > 0
      ? `weights in ${list(other)}`
      : `a folder with ${names.length === 0 ? "nothing" : list(names)}`,
    `${base}.safetensors or ${base}.safetensors.index.json`,
    other.length > 0
      ? "write them as safetensors once, with Python's transformers: " +
        "model.from_pretrained(folder).save_pretrained(folder, safe_serialization=True)"
      : "give the folder of a checkpoint with its weights as safetensors; a download that was cut short is " +
        "completed by --download",
  );
};

/**
 * Opens a checkpoint: a `.safetensors` file, or a folder with `<base>.safetensors` or, for shards,
 * `<base>.safetensors.index.json`. All headers are checked. An index may not name files outside of the folder; links in
 * it are followed, as caches of the hub consist of them.
 */
export const openSource = (path: string, base = "model"): Effect.Effect<WeightSource, SourceError> =>
  Effect.gen(function* () {
    const { isDirectory } = yield* onDisk("open", path, () => Deno.stat(path));
    if (!isDirectory) return { path, tensors: tensorsOf(path)(yield* headerOf(path)) };
    const names = yield* onDisk("list", path, async () => {
      const found: string[] = [];
      for await (const { name } of Deno.readDir(path)) found.push(name);
      return found.toSorted();
    });
    const single = `${base}.safetensors`, index = `${single}.index.json`;
    if (names.includes(single)) {
      return { path, tensors: tensorsOf(`${path}/${single}`)(yield* headerOf(`${path}/${single}`)) };
    }
    if (names.includes(index)) return yield* openShards(`${path}/${index}`);
    return yield* Effect.fail(inFile(path)(withoutSafetensors(names, base)));
  });
