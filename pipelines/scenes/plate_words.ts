/** What plates say: a word and a number, drawn at random, so that nothing but reading finds them. */
import type { Rng } from "../base/rng.ts";

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
