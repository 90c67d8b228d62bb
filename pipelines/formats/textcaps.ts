/** TextCaps (Sidorov et al. 2020). */
import * as t from "io-ts";
import type { CaptionRecord } from "../records/records.ts";
import { idCodec, nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { jsonFile } from "./entries.ts";
import type { Format } from "./format.ts";
import { clusters } from "./join.ts";
import { taken } from "./machine.ts";

// the test split has pictures without captions
const Caption = t.intersection([
  t.type({ image_id: idCodec() }),
  t.partial({ caption_str: nullable(wordsCodec()), set_name: textCodec() }),
]);

/** TextCaps: the file lists every caption by itself; a record per picture has all of them. */
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
