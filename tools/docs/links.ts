/** Dead links: references of pages to files or anchors that the site does not have. */
import { DOMParser } from "linkedom";
import { isExternal } from "./markdown.ts";

interface Element {
  readonly getAttribute: (name: string) => string | null;
}

interface Document {
  readonly querySelectorAll: (selector: string) => Iterable<Element>;
}

const parsed = (text: string): Document =>
  new DOMParser().parseFromString(text, "text/html") as unknown as Document;

const attributes = (document: Document, name: string): readonly string[] =>
  [...document.querySelectorAll(`[${name}]`)].flatMap((element) => element.getAttribute(name) ?? []);

/**
 * References of pages that lead nowhere, as `page: reference`.
 * @param texts - the pages by their place in the site.
 * @param has - whether the site has a file alongside these pages.
 */
export const deadLinks = (
  texts: ReadonlyMap<string, string>,
  has: (place: string) => boolean,
): readonly string[] => {
  const documents = new Map([...texts].map(([place, text]) => [place, parsed(text)]));
  const anchors = new Map([...documents].map(([place, document]) => [
    place,
    new Set([...attributes(document, "id"), ...attributes(document, "name")]),
  ]));
  return [...documents].flatMap(([place, document]) =>
    [...attributes(document, "href"), ...attributes(document, "src")]
      .filter((reference) => !isExternal(reference))
      .filter((reference) => {
        const url = new URL(reference, `file:///${place}`);
        const target = decodeURIComponent(url.pathname.slice(1)),
          anchor = decodeURIComponent(url.hash.slice(1));
        const known = anchors.get(target);
        if (known === undefined) return !has(target);
        return anchor !== "" && !known.has(anchor);
      })
      .map((reference) => `${place}: ${reference}`)
  );
};
