/** The pages of a site: what each holds, in the frame that all share. */
import { pagePolicy } from "./headers.ts";

/** A page. */
export interface SitePage {
  /** Its file, also that of its content in `pipelines/web/static`. */
  readonly file: string;
  /** What links to it say. */
  readonly name: string;
  /** Its script in `assets`. */
  readonly script: string;
  /** Its title. */
  readonly title: string;
  /** What search engines show of it. */
  readonly description: string;
}

/** All pages, in the order of links. */
export const pages: readonly SitePage[] = [
  {
    file: "index.html",
    name: "Ask",
    script: "ask.js",
    title: "Ask a model about an image",
    description: "Ask a small vision-language model about an image and see where each of its tokens looks, " +
      "scale by scale. It runs in the browser.",
  },
  {
    file: "train.html",
    name: "Train",
    script: "train.js",
    title: "Train in this tab",
    description:
      "Train three small vision-language models side by side in this tab, and watch few visual tokens " +
      "overtake many.",
  },
  {
    file: "look.html",
    name: "Look inside",
    script: "look.js",
    title: "Look inside the compiler",
    description:
      "See how the description of a loss becomes its gradient, WebGPU kernels and a memory plan, and what " +
      "they take on this device.",
  },
];

/** The choice of what computes, which all pages have. */
const DEVICE = `<label class="device">Computes on
  <select id="device">
    <option value="auto">the fastest there is</option>
    <option value="webgpu">WebGPU</option>
    <option value="threads">CPU, all threads</option>
    <option value="thread">CPU, one thread</option>
  </select>
</label>`;

/** A page as HTML: its content in the frame. */
export const pageText = (
  frame: string,
  content: string,
  { file, script, title, description }: SitePage,
): string => {
  const links = pages.map((page) =>
    `<a href="${page.file}"${page.file === file ? ' aria-current="page"' : ""}>${page.name}</a>`
  );
  const fields: Readonly<Record<string, string>> = {
    csp: pagePolicy,
    description,
    links: links.join("\n"),
    main: content.replace(/\{\{\s*device\s*\}\}/, DEVICE),
    script,
    title,
  };
  return frame.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => fields[name]!);
};
