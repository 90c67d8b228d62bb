/** COCO captions (Chen et al. 2015), and NoCaps (Agrawal et al. 2019), which has the same form. */
import * as t from "io-ts";
import type { CaptionRecord } from "../records/records.ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { groups } from "./join.ts";
import { taken } from "./machine.ts";

const Image = t.intersection([
  t.type({ id: idCodec(), file_name: wordsCodec() }),
  t.partial({ domain: nullable(textCodec()) }),
]);
const Caption = t.type({ image_id: idCodec(), caption: wordsCodec() });

const machine = groups(
  { is: ({ section }) => section === "images", codec: Image, keyField: "id", key: ({ id }) => id },
  { is: () => true, codec: Caption, keyField: "image_id", key: ({ image_id }) => image_id },
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

const open = jsonFile({ root: "sections", names: ["images", "annotations"] });

/** COCO captions: a record per picture, with its captions in the file's order. */
export const cocoCaptions: Format<CaptionRecord> = {
  name: "coco-captions",
  reads: "COCO annotations/captions_{train,val}{2014,2017}.json",
  files: [{ name: "captions" }],
  open,
  machine,
  unique: true,
};

/** NoCaps: as COCO captions; `part` is the picture's domain. */
export const noCaps: Format<CaptionRecord> = {
  name: "nocaps",
  reads: "NoCaps nocaps_val_4500_captions.json",
  files: [{ name: "captions" }],
  open,
  machine,
  unique: true,
};
