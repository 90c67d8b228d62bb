/** Text of others made safe for a terminal. */

// Controls but tab and line break, marks that turn the direction of writing or take no place, and half surrogates.
const HIDDEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|\p{Cs}/gu;

const escaped = (text: string): string =>
  Array.from(
    { length: text.length },
    (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");

/**
 * Text whose hidden characters are spelt `\u001b`: no escape sequence, no return to the start of the line, no change of
 * the direction of writing reaches a terminal. Line breaks and tabs stay. JSON stays JSON of the same value.
 */
export const visible = (text: string): string => text.replace(HIDDEN, escaped);

/** As {@link visible}, in one line. */
export const oneLine = (text: string): string => visible(text).replace(/[\n\t]/g, escaped);
