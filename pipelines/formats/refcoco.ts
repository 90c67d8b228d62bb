/** RefCOCO, RefCOCO+ (Yu et al. 2016) and RefCOCOg (Mao et al. 2016): the original pickles with their boxes. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import type { BoxRecord } from "../records/records.ts";
import { finiteCodec, idCodec, lengthCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile, jsonLines } from "./entries.ts";
import { brokenFile, type Entry, type Format, type Machine, type Verdict } from "./format.ts";
import { decoded, each, field, refused, taken } from "./machine.ts";
import { PickleFault, plainValue, unpickle } from "./pickle.ts";
import { type FileSource, wholeFile } from "./source.ts";

/** Maximum number of bytes of a pickle, which is read whole; the largest of the official ones has 40 MB. */
const LIMIT = 1 << 28;
/** Most values of one expression. */
const PARTS = 10_000;

async function* pickledRefs(source: FileSource, role: string): AsyncGenerator<readonly Entry[]> {
  const bytes = await wholeFile(source, LIMIT);
  let list;
  try {
    list = unpickle(bytes);
  } catch (cause) {
    if (!(cause instanceof PickleFault)) throw cause;
    throw brokenFile(source.name, `${cause.got} at byte ${cause.at}`, cause.wanted);
  }
  if (!Array.isArray(list)) {
    throw brokenFile(source.name, "a pickle that is no list", "a list of expressions");
  }
  yield list.map((item, index): Entry => {
    const base = { file: source.name, role, section: "", index, record: `[${index}]` };
    const value = plainValue(item, PARTS);
    return value === undefined
      ? { ...base, fault: field("(root)", "a value that holds itself, or far too much", "plain data") }
      : { ...base, value };
  });
}

const Ref = t.type({
  ref_id: idCodec(),
  ann_id: idCodec(),
  image_id: idCodec(),
  split: wordsCodec(),
  sentences: t.readonlyArray(t.type({ sent_id: idCodec(), sent: wordsCodec() })),
});
const Image = t.type({
  id: idCodec(),
  file_name: wordsCodec(),
  width: lengthCodec(),
  height: lengthCodec(),
});
const Annotation = t.type({
  id: idCodec(),
  bbox: t.tuple([finiteCodec(), finiteCodec(), lengthCodec(), lengthCodec()]),
});

type Ref = t.TypeOf<typeof Ref>;
type Image = t.TypeOf<typeof Image>;
type Annotation = t.TypeOf<typeof Annotation>;

const machine = (): Machine<BoxRecord> => {
  const images = new Map<string, Image>(), boxes = new Map<string, Annotation["bbox"]>();
  const refs: { readonly entry: Entry; readonly ref: Ref }[] = [];
  const store = <A extends { readonly id: string }, V>(
    codec: t.Type<A, unknown, unknown>,
    map: Map<string, V>,
    value: (a: A) => V,
    entry: Entry,
  ): Verdict<BoxRecord> => {
    const got = decoded(codec, entry);
    if (E.isLeft(got)) return got.left;
    if (map.has(got.right.id)) {
      return refused(entry, field("id", got.right.id, "a value that is only once"));
    }
    map.set(got.right.id, value(got.right));
    return taken(entry, []);
  };
  const judge = ({ entry, ref }: (typeof refs)[number]): Verdict<BoxRecord> => {
    const image = images.get(ref.image_id), box = boxes.get(ref.ann_id);
    if (image === undefined) {
      return refused(entry, field("image_id", ref.image_id, "an image of the file of instances"));
    }
    if (box === undefined) {
      return refused(entry, field("ann_id", ref.ann_id, "an annotation of the file of instances"));
    }
    const [x, y, width, height] = box;
    return taken<BoxRecord>(
      entry,
      ref.sentences.map(({ sent_id, sent }) => ({
        kind: "box",
        id: sent_id,
        image: image.file_name,
        question: sent,
        box: [x, y, x + width, y + height],
        width: image.width,
        height: image.height,
      })),
      { split: ref.split },
    );
  };
  return {
    take: (entry) => {
      if (entry.role === "refs") {
        const ref = decoded(Ref, entry);
        if (E.isLeft(ref)) return [ref.left];
        refs.push({ entry, ref: ref.right });
        return [];
      }
      return [
        entry.section === "images"
          ? store(Image, images, (image) => image, entry)
          : store(Annotation, boxes, ({ bbox }) => bbox, entry),
      ];
    },
    end: () => refs.map(judge),
  };
};

/**
 * RefCOCO, RefCOCO+ and RefCOCOg: a record per sentence. Images are found by id: the file names of the pickle end in
 * the annotation's number. Splits: `val`, `testA`, `testB` (unc), `val`, `test` (umd).
 */
export const refCoco: Format<BoxRecord> = {
  name: "refcoco",
  reads: "RefCOCO/+/g refs(unc|umd|google).p and instances.json",
  files: [{ name: "refs" }, { name: "instances" }],
  open: (source, role) =>
    role === "refs"
      ? pickledRefs(source, role)
      : jsonFile({ root: "sections", names: ["images", "annotations"] })(source, role),
  machine,
  unique: true,
};

const Line = t.type({
  image: wordsCodec(),
  sent: wordsCodec(),
  bbox: t.tuple([finiteCodec(), finiteCodec(), finiteCodec(), finiteCodec()]),
  width: lengthCodec(),
  height: lengthCodec(),
});

/** The same as lines of JSON, as Qwen-VL's evaluation has them, with the edges of boxes; the id is the line's place. */
export const refCocoLines: Format<BoxRecord> = {
  name: "refcoco-jsonl",
  reads: "RefCOCO/+/g as lines of JSON: image, sent, bbox [x1, y1, x2, y2], height, width",
  files: [{ name: "lines" }],
  open: jsonLines,
  machine: each(
    Line,
    ({ image, sent, bbox, width, height }, entry) =>
      bbox[2] <= bbox[0] || bbox[3] <= bbox[1]
        ? refused(entry, field("bbox", bbox, "left, top, right and bottom edge"))
        : taken<BoxRecord>(entry, [{
          kind: "box",
          id: String(entry.index),
          image,
          question: sent,
          box: bbox,
          width,
          height,
        }]),
  ),
  unique: true,
};
