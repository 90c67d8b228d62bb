/** Flickr30k (Young et al. 2014): the original file of captions. */
import * as t from "io-ts";
import type { CaptionRecord } from "../records/records.ts";
import { plainLines } from "./entries.ts";
import type { Format } from "./format.ts";
import { clusters } from "./join.ts";
import { taken } from "./machine.ts";

const form = /^([^\t#]+)#(\d+)\t(.*\S.*)$/;

interface Line {
  readonly image: string;
  readonly caption: string;
}

const Line = new t.Type<Line, string, unknown>(
  "`picture.jpg#number`, a tab and a caption",
  (u): u is Line => typeof u === "object",
  (u, context) => {
    const found = typeof u === "string" ? form.exec(u) : null;
    return found === null ? t.failure(u, context) : t.success({ image: found[1]!, caption: found[3]! });
  },
  ({ image, caption }) => `${image}#0\t${caption}`,
);

/** Flickr30k: a record per picture, captions in the file's order; the id is the picture's name without its ending. */
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
