/** Markdown as HTML: headings have the anchors that code hosts give them, links lead within the site. */
import MarkdownIt from "markdown-it";
import { type Html, trusted } from "../../pipelines/report/html.ts";

/** Where a link of a file leads in the site: a place relative to the file's page. */
export type LinkTarget = (href: string) => string;

/**
 * The anchor of a heading.
 *
 * ```ts
 * import { slugOf } from "./markdown.ts";
 *
 * if (slugOf("Which claims hold?") !== "which-claims-hold") throw new Error();
 * ```
 */
export const slugOf = (heading: string): string =>
  heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");

/** Whether a link leaves the repository. */
export const isExternal = (href: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(href);

const isInside = (href: string): boolean => !href.startsWith("#") && !isExternal(href);

/** A file of Markdown as HTML. Raw HTML, such as anchors and figures with a dark variant, stays; its images are targets, too. */
export const markdownHtml = (text: string, target: LinkTarget): Html => {
  const markdown = new MarkdownIt({ html: true }), used = new Map<string, number>();
  markdown.core.ruler.push("places", ({ tokens }) => {
    tokens.forEach((token, i) => {
      if (token.type === "heading_open") {
        const slug = slugOf((tokens[i + 1]!.children ?? []).map(({ content }) => content).join(""));
        const times = used.get(slug) ?? 0;
        used.set(slug, times + 1);
        token.attrSet("id", times === 0 ? slug : `${slug}-${times}`);
      }
      for (const raw of [token, ...(token.children ?? [])].filter(({ type }) => type.startsWith("html_"))) {
        raw.content = raw.content.replace(
          / (src|srcset)="([^"]+)"/g,
          (whole: string, name: string, value: string) =>
            isInside(value) ? ` ${name}="${target(value)}"` : whole,
        );
      }
      for (const child of token.children ?? []) {
        for (const name of ["href", "src"]) {
          const value = child.attrGet(name);
          if (typeof value === "string" && isInside(value)) {
            child.attrSet(name, target(value));
          }
        }
      }
    });
  });
  markdown.renderer.rules.table_open = () => '<div class="scroll"><table>';
  markdown.renderer.rules.table_close = () => "</table></div>";
  return trusted(markdown.render(text));
};
