/**
 * Where images are in texts: `<image>`, as LLaVA writes it. Text on both sides of a mark is encoded by itself, and a
 * number that is no token represents the image (llava/constants.py, `IMAGE_TOKEN_INDEX`; llava/mm_utils.py,
 * `tokenizer_image_token`); its visual tokens take that place in the row.
 */
import type { Coder } from "./coder.ts";

/** What is in a message for an image. */
export const IMAGE_MARK = "<image>";

/** What is among token ids for an image. */
export const IMAGE_ID: number = -200;

/** Number of images that a text has a place for. */
export const marksIn = (text: string): number => text.split(IMAGE_MARK).length - 1;

/** A question about some images: those without marks of their own stand before it, as LLaVA puts them. */
export const askedAbout = (question: string, images: number): string =>
  images === 0 || marksIn(question) > 0 ? question : `${IMAGE_MARK.repeat(images)}\n${question}`;

/** Number of images among token ids. */
export const imagesIn = (ids: readonly number[]): number =>
  ids.reduce((n, id) => n + (id === IMAGE_ID ? 1 : 0), 0);

/** An encoding of texts with marks of images. */
export const withImages = (coder: Coder): Coder => {
  const encodeAll: Coder["encodeAll"] = (texts) => {
    const parts = texts.map((text) => text.split(IMAGE_MARK)), whole = parts.flat();
    const wanted = whole.filter((text) => text !== ""), ids = coder.encodeAll(wanted);
    let at = 0;
    const encoded = whole.map((text) => text === "" ? [] : ids[at++]!);
    at = 0;
    return parts.map((some) =>
      some.flatMap((_, i) => i === 0 ? encoded[at++]! : [IMAGE_ID, ...encoded[at++]!])
    );
  };
  const decode: Coder["decode"] = (ids, special) => {
    const spelt: string[] = [];
    for (let from = 0; from <= ids.length;) {
      const mark = ids.indexOf(IMAGE_ID, from), end = mark < 0 ? ids.length : mark;
      spelt.push(end === from ? "" : coder.decode(ids.slice(from, end), special));
      from = end + 1;
    }
    return spelt.join(IMAGE_MARK);
  };
  return { ...coder, encode: (text) => encodeAll([text])[0]!, encodeAll, decode };
};
