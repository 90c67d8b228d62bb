/**
 * Captions: COCO (Chen et al. 2015), NoCaps (Agrawal et al. 2019), Flickr30k (Young et al. 2014), the splits of Karpathy
 * and Fei-Fei 2015 of both, and TextCaps (Sidorov et al. 2020).
 */
import * as t from "io-ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import type { CaptionRecord } from "../records/records.ts";
import { jsonFile, plainLines } from "./entries.ts";
import type { Format } from "./format.ts";
import { clusters, groups } from "./join.ts";
import { each, field, refused, taken } from "./machine.ts";

const CocoImage = t.intersection([
  t.type({ id: idCodec(), file_name: wordsCodec() }),
  t.partial({ domain: nullable(textCodec()) }),
]);
const CocoCaption = t.type({ image_id: idCodec(), caption: wordsCodec() });

const cocoMachine = groups(
  { is: ({ section }) => section === "images", codec: CocoImage, keyField: "id", key: ({ id }) => id },
  { is: () => true, codec: CocoCaption, keyField: "image_id", key: ({ image_id }) => image_id },
  ({ id, file_name, domain }, captions, entry) =>
    taken<CaptionRecord>(entry, [{
      kind: "caption",
      id,
      image: file_name,
      question: "",
      references: captions.map((c) => c.caption),
      ...(domain === undefined ? {} : { part: domain }),
    }]),
);

const coco = (name: string, reads: string): Format<CaptionRecord> => ({
  name,
  reads,
  files: [{ name: "captions" }],
  open: jsonFile({ root: "sections", names: ["images", "annotations"] }),
  machine: cocoMachine,
  unique: true,
});

/** COCO captions: a record per image, with its captions in the file's order. */
export const cocoCaptions: Format<CaptionRecord> = coco(
  "coco-captions",
  "COCO annotations/captions_{train,val}{2014,2017}.json",
);

/** NoCaps: as COCO captions; `part` is the image's domain. */
export const noCaps: Format<CaptionRecord> = coco("nocaps", "NoCaps nocaps_val_4500_captions.json");

const form = /^([^\t#]+)#(\d+)\t(.*\S.*)$/;

interface Line {
  readonly image: string;
  readonly caption: string;
}

const Line = new t.Type<Line, string, unknown>(
  "`image.jpg#number`, a tab and a caption",
  (u): u is Line => typeof u === "object",
  (u, context) => {
    const found = typeof u === "string" ? form.exec(u) : null;
    return found === null ? t.failure(u, context) : t.success({ image: found[1]!, caption: found[3]! });
  },
  ({ image, caption }) => `${image}#0\t${caption}`,
);

/** Flickr30k: a record per image, captions in the file's order; the id is the image's name without its ending. */
export const flickr30k: Format<CaptionRecord> = {
  name: "flickr30k",
  reads: "Flickr30k results_20130124.token",
  files: [{ name: "captions" }],
  open: plainLines,
  machine: clusters(Line, ({ image }) => image, (lines, entry) => {
    const { image } = lines[0]!;
    return taken<CaptionRecord>(entry, [{
      kind: "caption",
      id: image.replace(/\.[^.]*$/, ""),
      image,
      question: "",
      references: lines.map((l) => l.caption),
    }]);
  }),
  unique: true,
};

const SplitImage = t.intersection([
  t.type({
    filename: wordsCodec(),
    split: wordsCodec(),
    sentences: t.readonlyArray(t.type({ raw: wordsCodec() })),
  }),
  t.partial({ filepath: textCodec(), cocoid: idCodec(), imgid: idCodec() }),
]);

/** Karpathy's splits: a record per image; the id is COCO's where there is one. */
export const karpathy: Format<CaptionRecord> = {
  name: "karpathy",
  reads: "Karpathy's dataset_coco.json and dataset_flickr30k.json (splits train, restval, val, test)",
  files: [{ name: "images" }],
  open: jsonFile({ root: "sections", names: ["images"] }),
  machine: each(SplitImage, ({ filename, filepath, cocoid, imgid, sentences, split }, entry) => {
    const id = cocoid ?? imgid;
    return id === undefined
      ? refused(entry, field("cocoid", "nothing", "an id here or under imgid"))
      : taken<CaptionRecord>(entry, [{
        kind: "caption",
        id,
        image: filepath === undefined || filepath === "" ? filename : `${filepath}/${filename}`,
        question: "",
        references: sentences.map((s) => s.raw),
      }], { split });
  }),
  unique: true,
};

// the test split has images without captions
const Caption = t.intersection([
  t.type({ image_id: idCodec() }),
  t.partial({ caption_str: nullable(wordsCodec()), set_name: textCodec() }),
]);

/** TextCaps: the file lists every caption by itself; a record per image has all of them. */
export const textCaps: Format<CaptionRecord> = {
  name: "textcaps",
  reads: "TextCaps TextCaps_0.1_{train,val,test}.json",
  files: [{ name: "captions" }],
  open: jsonFile({ root: "sections", names: ["data"] }),
  machine: clusters(Caption, ({ image_id }) => image_id, (captions, entry) => {
    const { image_id, set_name } = captions[0]!;
    return taken<CaptionRecord>(entry, [{
      kind: "caption",
      id: image_id,
      image: image_id,
      question: "",
      references: captions.flatMap((c) => c.caption_str ?? []),
    }], { split: set_name });
  }),
  unique: true,
};
