/** Which images can be decoded, found once by the content of their files and kept. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { type DiskError, ifThere, onDisk } from "../base/disk.ts";
import { sha256 } from "../base/hash.ts";
import type { DataError } from "../base/data_error.ts";
import { imageDecoder, ImageError } from "./decode.ts";
import type { ImageFile } from "./image_files.ts";
import { openSquares } from "./squares.ts";

const lineType = t.union([
  t.type({ content: t.string, good: t.literal(true) }),
  t.type({ content: t.string, got: t.string }),
]);

const known = (text: string): ReadonlyMap<string, string | undefined> => {
  const out = new Map<string, string | undefined>();
  for (const line of text.split("\n").slice(0, -1)) {
    const found = E.tryCatch(() => lineType.decode(JSON.parse(line)), () => undefined);
    if (E.isRight(found) && E.isRight(found.right)) {
      const { right } = found.right;
      out.set(right.content, "got" in right ? right.got : undefined);
    }
  }
  return out;
};

/**
 * Decodes every image that was not decoded before by the same decoder, and says which cannot be: content and reason.
 * It may be killed at any time and goes on; what other processes find is read when it starts.
 */
export const undecodable = (
  images: readonly ImageFile[],
  cache: string,
): Effect.Effect<ReadonlyMap<string, string>, DataError | DiskError> =>
  Effect.scoped(Effect.gen(function* () {
    const path = `${cache}/decoded-${sha256(imageDecoder).slice(0, 12)}.jsonl`;
    yield* onDisk("make", cache, () => Deno.mkdir(cache, { recursive: true }));
    const text = yield* onDisk("read", path, () => ifThere(Deno.readTextFile(path)));
    const before = known(text ?? ""), files = new Map(images.map((image) => [image.content, image]));
    const missing = [...files.values()].filter(({ content }) => !before.has(content));
    const found = new Map<string, string>();
    for (const content of files.keys()) {
      const got = before.get(content);
      if (got !== undefined) found.set(content, got);
    }
    if (missing.length === 0) return found;
    const decode = yield* openSquares({ side: 14 });
    const note = (line: t.TypeOf<typeof lineType>) =>
      onDisk("write", path, () => Deno.writeTextFile(path, `${JSON.stringify(line)}\n`, { append: true }));
    yield* Effect.forEach(
      missing,
      ({ content, name, load }) =>
        Effect.flatMap(load, (bytes) => decode({ file: name, bytes })).pipe(
          Effect.flatMap(() => note({ content, good: true })),
          Effect.catch((error) =>
            error instanceof ImageError
              ? Effect.andThen(
                note({ content, got: error.got }),
                Effect.sync(() => void found.set(content, error.got)),
              )
              : Effect.fail(error)
          ),
        ),
      { concurrency: 2 * navigator.hardwareConcurrency, discard: true },
    );
    return found;
  }));
