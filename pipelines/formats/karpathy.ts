/** The splits of Karpathy and Fei-Fei 2015 of COCO and Flickr30k. */
import * as t from "io-ts";
import type { CaptionRecord } from "../records/records.ts";
import { idCodec, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";

const Image = t.intersection([
  t.type({
    filename: wordsCodec(),
    split: wordsCodec(),
    sentences: t.readonlyArray(t.type({ raw: wordsCodec() })),
  }),
  t.partial({ filepath: textCodec(), cocoid: idCodec(), imgid: idCodec() }),
]);

/** Karpathy's splits: a record per picture; the id is COCO's where there is one. */
export const karpathy: Format<CaptionRecord> = {
  name: "karpathy",
  reads: "Karpathy's dataset_coco.json and dataset_flickr30k.json (splits train, restval, val, test)",
  files: [{ name: "images" }],
  open: jsonFile({ root: "sections", names: ["images"] }),
  machine: each(Image, ({ filename, filepath, cocoid, imgid, sentences, split }, entry) => {
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
