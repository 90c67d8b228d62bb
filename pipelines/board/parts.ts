/** Shared parts of the parts of the page: times, scores, and faults that hide nothing else. */
import { type Html, html } from "../report/html.ts";
import type { RunView } from "./run_view.ts";

/** A moment in UTC, to the second. */
export const moment = (time: string | number): string =>
  new Date(time).toISOString().slice(0, 19).replace("T", " ");

/** A score in per cent; nothing for none. */
export const per100 = (score: number | undefined): string =>
  score === undefined ? "" : (100 * score).toFixed(1);

/** A text of at most 400 characters: a reason may quote what it found, however long that is. */
export const shortened = (text: string): string => text.length > 400 ? `${text.slice(0, 399)}…` : text;

/** A part of the page about one run; one that cannot be drawn says so, and hides no other. */
export const about = (run: RunView, draw: () => Html, around: (why: Html) => Html): Html => {
  try {
    return draw();
  } catch (cause) {
    return around(
      html`<span class="small bad">${run.id} cannot be shown: ${shortened(String(cause))}</span>`,
    );
  }
};
