/** MMBench (Liu et al. 2023): a table that holds its images. */
import * as t from "io-ts";
import { imageKinds, kindOf } from "../images/image_kind.ts";
import { type ChoiceRecord, HIDDEN_CHOICE } from "../records/records.ts";
import { nullable, textCodec, wordsCodec } from "../base/codecs.ts";
import { table } from "./entries.ts";
import type { Entry, Format, Verdict } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";

const Row = t.intersection([
  t.type({ index: wordsCodec(), question: wordsCodec(), A: wordsCodec(), B: wordsCodec() }),
  t.partial({
    hint: textCodec(),
    C: textCodec(),
    D: textCodec(),
    answer: nullable(textCodec()),
    category: textCodec(),
    "l2-category": textCodec(),
    image: t.string,
    split: textCodec(),
  }),
]);
type Row = t.TypeOf<typeof Row>;

/** Questions of one circle have the same index but for multiples of this. */
const CIRCLE = 1_000_000;

// how tables are written from data frames: an absent value is an empty field or "nan"
const given = (text: string | undefined): string | undefined =>
  text === undefined || text.trim() === "" || text === "nan" ? undefined : text;

const imageOf = (image: string): Uint8Array | undefined => {
  try {
    return Uint8Array.from(atob(image), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
};

const judge = (row: Row, entry: Entry): Verdict<ChoiceRecord> => {
  const letters = [row.A, row.B, given(row.C), given(row.D)];
  const choices = letters.filter((c) => c !== undefined);
  const index = Number(row.index), image = given(row.image);
  if (!/^\d+$/.test(row.index) || !Number.isSafeInteger(index)) {
    return refused(entry, field("index", row.index, "a whole number"));
  }
  if (letters.indexOf(undefined) >= 0 && letters.indexOf(undefined) < choices.length) {
    return refused(entry, field("C", "nothing", "a choice, as there is a D"));
  }
  const letter = given(row.answer), answer = letter === undefined ? HIDDEN_CHOICE : "ABCD".indexOf(letter);
  if (letter !== undefined && (letter.length !== 1 || answer < 0 || answer >= choices.length)) {
    return refused(entry, field("answer", letter, `a letter of one of ${choices.length} choices`));
  }
  // questions about an earlier image name its index in place of the image
  const shared = image !== undefined && /^\d{1,12}$/.test(image);
  const imageBytes = image === undefined || shared ? undefined : imageOf(image);
  if (image !== undefined && !shared && imageBytes === undefined) {
    return refused(entry, field("image", image, "an image in base64, or the index of one"));
  }
  const kind = imageBytes === undefined ? undefined : kindOf(imageBytes);
  if (kind?.read === false) return refused(entry, field("image", kind.name, imageKinds));
  const hint = given(row.hint), category = given(row.category), parent = given(row["l2-category"]);
  return taken<ChoiceRecord>(entry, [{
    kind: "choice",
    id: row.index,
    image: shared ? image! : row.index,
    question: row.question,
    choices,
    answer,
    circle: String(index % CIRCLE),
    ...(hint === undefined ? {} : { hint }),
    ...(category === undefined ? {} : { category }),
    ...(parent === undefined ? {} : { parent }),
  }], { split: given(row.split), imageBytes });
};

/** MMBench; images are named by the index of the row that holds them. Hidden answers (the test split) are -1. */
export const mmBench: Format<ChoiceRecord> = {
  name: "mmbench",
  reads: "MMBench mmbench_{dev,test}_*.tsv",
  files: [{ name: "table" }],
  open: table,
  machine: each(Row, judge),
  unique: true,
  sharesImages: true,
};
