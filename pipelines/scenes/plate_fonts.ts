/** The typefaces of plates: which files of npm packages, and how wide their letters are. */
import type { Rng } from "../base/rng.ts";
import table from "./plate_fonts.json" with { type: "json" };

/** One typeface; `tools/vocabulary/make_fonts.ts` measures it. */
export interface PlateFont {
  /** Its family, as the file says. */
  readonly family: string;
  /** Its weight, 100 to 900. */
  readonly weight: number;
  /** Name and version of the npm package. */
  readonly source: string;
  /** Path of the file, from the name of the package. */
  readonly file: string;
  /** Identifier of the licence (SPDX). */
  readonly licence: string;
  /** Height of capital letters, of the font size. */
  readonly capital: number;
  /** The characters that plates are written with. */
  readonly characters: string;
  /** Advance of each character, of the height of capital letters. */
  readonly advances: readonly number[];
}

/** Every typeface; a plate names one by its number. */
export const plateFonts: readonly PlateFont[] = table;

/**
 * Where letters start and where the text ends, in whole pixels from its left, for capital letters of `height` pixels:
 * one more number than characters. Characters that plates do not use take no room.
 */
export const letterStarts = (font: PlateFont, text: string, height: number): readonly number[] => {
  let x = 0;
  return [
    0,
    ...[...text].map((c) => Math.round(x += height * (font.advances[font.characters.indexOf(c)] ?? 0))),
  ];
};

/** Distance of the text from the left and right edges of its plate, for capital letters of `height` pixels. */
export const alongsideText = (height: number): number => Math.round(height * 0.55) + 1;

/** Distance of the text from the upper and lower edges of its plate. */
export const aboveText = (height: number): number => Math.round(height * 0.4) + 1;

/** Width and height of the plate of a text in pixels, for capital letters of `height` pixels. */
export const plateExtent = (
  font: number,
  text: string,
  height: number,
): readonly [width: number, height: number] => [
  letterStarts(plateFonts[font]!, text, height).at(-1)! + 2 * alongsideText(height),
  height + 2 * aboveText(height),
];

/** Words of plates; none names a concept. */
export const plateWords: readonly string[] =
  ("ALPHA AMBER ANNEX ARRIVE ATLAS AVENUE BASIC BAY BELOW BLOCK BOARD BOUND BRAVO BUREAU CALM CENTRE CHECK CITY CLEAR " +
    "CLOSED COAST CORNER COURT CROSS DAILY DELTA DEPOT DETOUR DOCK DRIVE EAST ECHO ENTER EXIT EXPRESS FINAL FLOOR " +
    "FRESH FRONT GALA GATE GRAND GUEST HALL HARBOR HILL HOURS INDEX INN JOIN JUNE KEEP LANE LEFT LEVEL LIMIT LINE " +
    "LOCAL LODGE LOUNGE MAIN MARCH MARKET MILE NORTH NOTICE NOVA OFFER OMEGA OPEN ORDER OUTER PARK " +
    "PIER PLAZA POINT PRIME PUBLIC QUAY QUIET RAPID REGION RIGHT ROAD ROOM ROUTE SALE SECTOR SHIFT SIDE SLOW " +
    "SOLD SOUTH SPEED SQUARE STAFF START SUMMIT TERMINAL TODAY TOLL TOTAL TOUR TOWN TRACK UNION UNIT " +
    "UPPER URBAN VALLEY VIA VISIT WARD WEST WIDE YARD YIELD ZONE").split(" ");

/** A word and a number from 10 to 999. */
export const plateText = (rng: Rng): string => {
  const word = rng.pick(plateWords);
  return `${word} ${rng.chance(0.6) ? rng.between(10, 99) : rng.between(100, 999)}`;
};
