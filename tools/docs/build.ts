/** Builds the site into a folder: pages of Markdown, notebooks, and the files that they refer to. */
import * as Effect from "effect/Effect";
import { atomicWrite, type DiskError, onDisk } from "../../pipelines/base/disk.ts";
import { TaggedFault } from "../../pipelines/base/fault.ts";
import { html } from "../../pipelines/report/html.ts";
import { readNotebook } from "../notebooks/notebook.ts";
import { notebookHtml, notebookStyle } from "../notebooks/render.ts";
import { between, type NavSection, sitePage, siteStyle } from "./layout.ts";
import { deadLinks } from "./links.ts";
import { markdownHtml } from "./markdown.ts";
import { pages, placeOf, sections } from "./pages.ts";

/** A site that cannot be built, or that has dead links. */
export class DocsError extends TaggedFault("DocsError") {}

/** A site. */
export interface SiteOptions {
  /** The root of the repository. */
  readonly root: string;
  /** The folder of the site. */
  readonly out: string;
  /** A folder of executed notebooks. */
  readonly notebooks: string;
  /** Whether `out/api` holds the API, which the navigation then lists. */
  readonly api: boolean;
}

const bytes = (text: string): readonly Uint8Array[] => [new TextEncoder().encode(text)];

const folderOf = (place: string): string => place.slice(0, Math.max(0, place.lastIndexOf("/")));

const headingOf = (text: string, otherwise: string): string => /^# (.+)$/m.exec(text)?.[1] ?? otherwise;

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
};

/** Builds the site; fails with every dead link of its pages. Gives the number of pages. */
export const buildSite = (
  { root, out, notebooks, api }: SiteOptions,
): Effect.Effect<number, DiskError | Error> =>
  Effect.gen(function* () {
    const entries = yield* onDisk("read", notebooks, () => Array.fromAsync(Deno.readDir(notebooks)));
    const named = entries.flatMap(({ name }) => name.endsWith(".ipynb") ? [name.slice(0, -6)] : [])
      .toSorted();
    const executed = new Map(
      yield* Effect.forEach(named, (name) =>
        Effect.map(readNotebook(`${notebooks}/${name}.ipynb`), (notebook) =>
          [name, notebook] as const)),
    );
    const titleOf = (name: string): string => {
      const [first] = executed.get(name)!.cells;
      return headingOf([first?.source ?? ""].flat().join(""), name);
    };
    const nav: readonly NavSection[] = [
      ...sections.map(({ title, pages }) => ({
        title,
        links: pages.map((page) => ({ title: page.title, place: placeOf(page.source) })),
      })),
      {
        title: "Notebooks",
        links: named.map((name) => ({ title: titleOf(name), place: `notebooks/${name}.html` })),
      },
      ...(api
        ? [{ title: "API", links: [{ title: "core, kernels, pipelines", place: "api/index.html" }] }]
        : []),
    ];
    const copied = new Set<string>(), texts = new Map<string, string>();
    const sources = new Set(pages.map(({ source }) =>
      source
    ));
    for (const { source, title } of pages) {
      const place = placeOf(source),
        text = yield* onDisk("read", source, () => Deno.readTextFile(`${root}/${source}`));
      const content = markdownHtml(text, (href) => {
        const url = new URL(href, `file:///${source}`), path = decodeURIComponent(url.pathname.slice(1));
        if (sources.has(path)) return between(place, placeOf(path)) + url.hash;
        if (isFile(`${root}/${path}`)) copied.add(path);
        return between(place, path) + url.hash;
      });
      texts.set(place, sitePage(place, title, nav, content));
    }
    for (const [name, notebook] of executed) {
      const place = `notebooks/${name}.html`;
      const content = html`<style>${notebookStyle}</style>${notebookHtml(notebook)}`;
      texts.set(place, sitePage(place, titleOf(name), nav, content));
    }
    const write = (place: string, content: readonly Uint8Array[]) =>
      Effect.andThen(
        onDisk(
          "create",
          `${out}/${folderOf(place)}`,
          () => Deno.mkdir(`${out}/${folderOf(place)}`, { recursive: true }),
        ),
        atomicWrite(`${out}/${place}`, content),
      );
    yield* write("site.css", bytes(siteStyle));
    yield* Effect.forEach(texts, ([place, text]) => write(place, bytes(text)), { discard: true });
    yield* Effect.forEach(
      copied,
      (path) =>
        Effect.flatMap(
          onDisk("read", path, () => Deno.readFile(`${root}/${path}`)),
          (file) => write(path, [file]),
        ),
      { discard: true },
    );
    const dead = deadLinks(texts, (place) => isFile(`${out}/${place}`));
    if (dead.length > 0) {
      return yield* Effect.fail(
        new DocsError({
          op: `the links of ${out}`,
          got: `${dead.length} that lead nowhere:\n${dead.join("\n")}`,
          expected: "pages, files and anchors of the repository",
          hint: "correct the links in the Markdown files",
        }),
      );
    }
    return texts.size;
  });
