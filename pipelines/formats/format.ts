/** What a reader of an annotation file is: entries go in, and each of them comes out with exactly one verdict. */
import type { Refusal } from "../base/bridge.ts";
import { TaggedFault } from "../base/fault.ts";
import type { FileSource } from "./source.ts";

/** Where an entry is. */
export interface Place {
  /** The file. */
  readonly file: string;
  /** The entry: `questions[17]`, `line 3`, a key; `(file)` for the file as a whole. */
  readonly record: string;
  /** Offset of its first byte in the file, where that is known. */
  readonly at?: number;
}

/** An annotation file, or an entry of one, that does not have its format's form. */
export class FormatError extends TaggedFault("FormatError")<{
  /** The file. */
  readonly file: string;
  /** The entry, as {@link Place} names it. */
  readonly record: string;
  /** Paths of the refused fields; none if the entry or file as a whole was refused. */
  readonly fields: readonly string[];
}> {}

/** One thing that an annotation file lists, before its format has looked at it. */
export interface Entry extends Place {
  /** Which of the format's files it comes from, by {@link FileRole.name}. */
  readonly role: string;
  /** The list of the file in which it is, such as `annotations`; "" if there is only one. */
  readonly section: string;
  /** Its place in that list, from 0. */
  readonly index: number;
  /** Its key in files that are dictionaries. */
  readonly key?: string;
  /** The parsed value; absent if it could not be parsed. */
  readonly value?: unknown;
  /** Why it could not be parsed. */
  readonly fault?: Refusal;
  /** Why it is no part of the data, such as a hidden file; it is left out, and counted under these words. */
  readonly skipped?: string;
}

/** An entry that was used. An entry may give many records, or none if it completes another's. */
export interface Taken<R> {
  /** Discriminates. */
  readonly verdict: "taken";
  /** The entry. */
  readonly place: Place;
  /** Its result. */
  readonly records: readonly R[];
  /** The split that the file puts it in. */
  readonly split?: string;
  /** The encoded image, in formats that hold images. */
  readonly imageBytes?: Uint8Array;
}

/** An entry that the benchmark's own rules, or the split asked for, leave out. */
export interface LeftOut {
  /** Discriminates. */
  readonly verdict: "left out";
  /** The entry. */
  readonly place: Place;
  /** The rule. */
  readonly reason: string;
}

/** An entry that is not of the format. */
export interface Refused {
  /** Discriminates. */
  readonly verdict: "refused";
  /** The entry. */
  readonly place: Place;
  /** What is wrong, field by field; at least one. */
  readonly fields: readonly Refusal[];
}

/** Result of one entry. */
export type Verdict<R> = Taken<R> | LeftOut | Refused;

/** Turns entries into verdicts. It may keep entries back until those that complete them have come, or the end. */
export interface Machine<R> {
  /** One more entry; verdicts on it and on earlier ones. */
  readonly take: (entry: Entry) => readonly Verdict<R>[];
  /** No more entries; verdicts on all that are still kept back. */
  readonly end: () => readonly Verdict<R>[];
}

/** One of the files of a format. */
export interface FileRole {
  /** Its contents, such as `questions`. */
  readonly name: string;
  /** The format can be read without it. */
  readonly optional?: boolean;
  /** Any number of files from here on hold the same. */
  readonly many?: boolean;
}

/** A file format of annotations. */
export interface Format<R> {
  /** Its name on the command line. */
  readonly name: string;
  /** The official file that it reads, for people. */
  readonly reads: string;
  /** Its files, in order. */
  readonly files: readonly FileRole[];
  /** The entries of one file, some at a time. Throws a {@link FormatError} where the file's own structure breaks. */
  readonly open: (source: FileSource, role: string) => AsyncIterable<readonly Entry[]>;
  /** A fresh machine for files with these roles. */
  readonly machine: (roles: readonly string[]) => Machine<R>;
  /** Whether an id may stand only once. */
  readonly unique: boolean;
  /** Whether an entry may name the image that an earlier entry of its file holds. */
  readonly sharesImages?: boolean;
}

/** Fields that a message names before it counts the others. */
const NAMED = 6;

/** Where an entry is, in words: `val.json, data[1] at byte 74`. */
const placeText = ({ file, record, at }: Place): string =>
  `${file}, ${record}${at === undefined ? "" : ` at byte ${at}`}`;

/** The fault of an entry, and where, as a line of a report. */
export const refusalText = ({ place, fields }: Refused): string =>
  `${placeText(place)}: ${
    fields.slice(0, NAMED).map(({ path, got, expected }) => `${path}: got ${got}, expected ${expected}`).join(
      "; ",
    )
  }${fields.length > NAMED ? ` and ${fields.length - NAMED} more` : ""}`;

/** The error of an entry with wrong fields. */
export const errorOf = (format: string, { place, fields }: Refused): FormatError => {
  const list = (side: "got" | "expected"): string =>
    fields.slice(0, NAMED).map((f) => `${f.path}: ${f[side]}`).join(", ") +
    (fields.length > NAMED ? ` and ${fields.length - NAMED} more` : "");
  return new FormatError({
    op: `${format} ${placeText(place)}`,
    got: list("got"),
    expected: list("expected"),
    hint: "correct the record, or read with the policy skip, which counts it",
    file: place.file,
    record: place.record,
    fields: fields.map((f) => f.path),
  });
};

/** The error of a file whose structure breaks, so that what follows cannot be distinguished. */
export const brokenFile = (
  file: string,
  got: string,
  expected: string,
  hint = "get the file again from where it came from",
): FormatError =>
  new FormatError({ op: `read ${file}`, got, expected, hint, file, record: "(file)", fields: [] });
