/** HTML as values: what is put into a template is escaped unless it is such a value itself. */

const markup: unique symbol = Symbol("markup");

/** Text that is HTML. Only the functions of this module make it. */
export interface Html {
  /** The text. */
  readonly [markup]: string;
}

/** What may be in a template: text is escaped, lists are joined, `false` and nothing leave nothing. */
export type Content = Html | string | number | false | undefined | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text made safe for HTML, between tags and in quoted attributes; control characters are left out. */
export const escapeHtml = (text: string): string =>
  // deno-lint-ignore no-control-regex
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "").replace(
    /[&<>"']/g,
    (c) => ENTITIES[c]!,
  );

const isHtml = (content: Content): content is Html => typeof content === "object" && markup in content;

/** The text of HTML. */
export const textOfHtml = (content: Content): string =>
  content === undefined || content === false
    ? ""
    : isHtml(content)
    ? content[markup]
    : typeof content === "object"
    ? content.map(textOfHtml).join("")
    : escapeHtml(String(content));

/**
 * A template of HTML. Values in attributes are in quotes, and none is in a tag's name, a script or a style.
 *
 * ```ts
 * import { html, textOfHtml } from "./html.ts";
 *
 * if (textOfHtml(html`<p title="${'"'}">${"<b>"}</p>`) !== '<p title="&quot;">&lt;b&gt;</p>') throw new Error();
 * ```
 */
export const html = (parts: TemplateStringsArray, ...values: readonly Content[]): Html => ({
  [markup]: parts.map((part, i) => i === 0 ? part : textOfHtml(values[i - 1]) + part).join(""),
});

/** Text that is HTML already and was made here: figures, styles. Never text that came from outside. */
export const trusted = (text: string): Html => ({ [markup]: text });

/** The policy of a page that is a file by itself: nothing is loaded and no script runs, whatever is in it. */
export const ALONE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** A value as a block of JSON that scripts and people read, which no text in it can end. */
export const embeddedJson = (id: string, value: unknown): Html =>
  html`<script type="application/json" id="${id}">${
    trusted(JSON.stringify(value).replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028"))
  }</script>`;
