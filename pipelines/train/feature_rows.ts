/** Rows of features in a folder: what all processes have stored there, and the segment that this one writes. */
import * as t from "io-ts";
import { type ImageReason, imageReasonCodec } from "../images/decode.ts";
import { TaggedFault } from "../base/fault.ts";
import { openOwn } from "../base/own_file.ts";
import { ENTRY, entryOf, type Index, indexOf, isWhole, type RowPlace } from "./feature_segment.ts";

/** Features that are not in the store, or are damaged there. */
export class FeatureStoreError extends TaggedFault("FeatureStoreError")<{
  /** The folder, or the file of the damaged row. */
  readonly path: string;
  /** The sha-256 of the image's file. */
  readonly content: string;
  /** Why. */
  readonly reason: "missing" | "damaged";
}> {}

/** Why an image has no features. */
export interface ImageRefusal {
  /** The sha-256 of its file. */
  readonly content: string;
  /** Why it cannot be decoded. */
  readonly reason: ImageReason;
  /** What is in the file. */
  readonly got: string;
}

const refusalType = t.strict({ content: t.string, reason: imageReasonCodec(), got: t.string });

/** One image's features to be stored. */
export interface NewRow {
  /** The sha-256 of the image's file. */
  readonly content: string;
  /** Levels `[cells, width]` one after the other. */
  readonly data: Float32Array;
}

const isMissing = (cause: unknown): boolean => cause instanceof Deno.errors.NotFound;

const sizeOf = (path: string): number => {
  try {
    const { isFile, size } = Deno.lstatSync(path);
    return isFile ? size : 0;
  } catch (cause) {
    if (isMissing(cause)) return 0;
    throw cause;
  }
};

const readFrom = (path: string, at: number, bytes: number): Uint8Array => {
  using file = openOwn(path);
  file.seekSync(at, Deno.SeekMode.Start);
  const out = new Uint8Array(bytes);
  return out.subarray(0, fill(file, out));
};

const fill = (file: Deno.FsFile, into: Uint8Array): number => {
  for (let at = 0; at < into.length;) {
    const got = file.readSync(into.subarray(at));
    if (got === null) return at;
    at += got;
  }
  return into.length;
};

const writeWhole = (file: Deno.FsFile, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
};

const refusalsIn = (text: string): readonly ImageRefusal[] =>
  text.split("\n").slice(0, -1).flatMap((line) => {
    try {
      const found = refusalType.decode(JSON.parse(line));
      return found._tag === "Right" ? [found.right] : [];
    } catch {
      return []; // a line that was cut: the image is looked at again
    }
  });

const lost = (folder: string, content: string): FeatureStoreError =>
  new FeatureStoreError({
    op: `read features from ${folder}`,
    got: `none of the image with sha-256 ${content.slice(0, 16)}`,
    expected: "features of every image of the mixture",
    hint: "start again: missing features are computed before training",
    path: folder,
    content,
    reason: "missing",
  });

const damaged = (path: string, row: number, content: string): FeatureStoreError =>
  new FeatureStoreError({
    op: `read features from ${path}`,
    got: `row ${row} with another checksum than when it was written`,
    expected: "the row as it was written",
    hint: "remove this file and start again: its features are recomputed; and check the disk",
    path,
    content,
    reason: "damaged",
  });

/** Rows at the end of a segment that are checked when it is opened; the others are when they are read. */
const LAST = 16;

/** State of an open store: what a process knows of the folder, and the segment that it writes itself. */
export class FeatureRows {
  readonly known = new Map<string, RowPlace>();
  readonly refused = new Map<string, ImageRefusal>();
  /** Bytes that were read, by name of the file. */
  readonly #seen = new Map<string, number>();
  readonly #files = new Map<string, Deno.FsFile>();
  #own:
    | { readonly name: string; readonly rows: Deno.FsFile; readonly index: Deno.FsFile; count: number }
    | undefined;
  damaged = 0;

  constructor(readonly folder: string, readonly bytes: number) {}

  /** Takes over what is in the folder and is not known yet. */
  refresh(): void {
    for (const { name } of Deno.readDirSync(this.folder)) {
      const path = `${this.folder}/${name}`, seen = this.#seen.get(name) ?? 0;
      if (name.endsWith(".refused")) {
        const size = sizeOf(path);
        if (size === seen) continue;
        for (const refusal of refusalsIn(new TextDecoder().decode(readFrom(path, 0, size)))) {
          this.refused.set(refusal.content, refusal);
        }
        this.#seen.set(name, size);
      }
      if (!name.endsWith(".index") || name === `${this.#own?.name}.index`) continue;
      const fresh = Math.floor(sizeOf(path) / ENTRY) * ENTRY - seen;
      if (fresh <= 0) continue;
      const rows = path.replace(/index$/, "rows"), whole = Math.floor(sizeOf(rows) / this.bytes);
      const found: Index = indexOf(readFrom(path, seen, fresh), rows, whole, seen / ENTRY);
      for (const [content, place] of found.rows) {
        if (this.known.has(content)) continue;
        // a power cut may leave entries whose rows never reached the disk: those that were written last
        if (place.row < whole - LAST || this.#isWhole(place)) this.known.set(content, place);
        else this.damaged++;
      }
      this.damaged += found.damaged;
      this.#seen.set(name, seen + found.bytes);
    }
  }

  #isWhole(place: RowPlace): boolean {
    return isWhole(readFrom(place.path, place.row * this.bytes, this.bytes), place);
  }

  #writing() {
    if (this.#own !== undefined) return this.#own;
    const name = `${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`, path = `${this.folder}/${name}`;
    const open = (kind: string) => Deno.openSync(`${path}.${kind}`, { createNew: true, append: true });
    return this.#own = { name, rows: open("rows"), index: open("index"), count: 0 };
  }

  append(rows: readonly NewRow[]): void {
    for (const { content, data } of rows) {
      if (this.known.has(content)) continue;
      const own = this.#writing(), bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const entry = entryOf(content, bytes), path = `${this.folder}/${own.name}.rows`;
      writeWhole(own.rows, bytes);
      writeWhole(own.index, entry);
      this.known.set(content, {
        path,
        row: own.count++,
        check: new DataView(entry.buffer).getUint32(32, true),
      });
    }
  }

  refuse(refusal: ImageRefusal): void {
    const { name } = this.#writing(), path = `${this.folder}/${name}.refused`;
    Deno.writeTextFileSync(path, `${JSON.stringify(refusal)}\n`, { append: true });
    this.refused.set(refusal.content, refusal);
  }

  row(content: string, into: Uint8Array): void {
    const place = this.known.get(content);
    if (place === undefined) throw lost(this.folder, content);
    const file = this.#files.get(place.path) ?? openOwn(place.path);
    this.#files.set(place.path, file);
    file.seekSync(place.row * this.bytes, Deno.SeekMode.Start);
    if (fill(file, into) < this.bytes || !isWhole(into, place)) throw damaged(place.path, place.row, content);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#own?.rows.close();
    this.#own?.index.close();
  }
}
