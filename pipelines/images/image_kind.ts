/** What a file is by its first bytes, whatever its name says. */

/** A kind of file that is found where images are expected. */
export interface FileKind {
  /** What people call it, with its article. */
  readonly name: string;
  /** Whether images of this kind are read. */
  readonly read: boolean;
}

/** Bytes that the kind shows in: enough for a leading comment of a page. */
const HEAD = 256;

type Sign = readonly [begins: string | RegExp, name: string, read?: true];

const signs: readonly Sign[] = [
  ["\xff\xd8\xff", "a JPEG image", true],
  ["\x89PNG\r\n\x1a\n", "a PNG image", true],
  [/^RIFF[^]{4}WEBP/, "a WebP image", true],
  [/^GIF8[79]a/, "a GIF image", true],
  [/^(II[*+]\0|MM\0[*+])/, "a TIFF image", true],
  [/^[^]{4}ftypavi[fs]/, "an AVIF image", true],
  [/^[^]{4}ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)/, "a HEIC image"],
  [/^BM[^]{4}\0\0\0\0/, "a BMP image"],
  ["\0\0\x01\0", "an icon"],
  ["\0\0\x02\0", "a cursor"],
  ["8BPS", "a Photoshop file"],
  ["\0\0\0\x0cjP  ", "a JPEG 2000 image"],
  ["\xff\x4f\xff\x51", "a JPEG 2000 image"],
  ["\0\0\0\x0cJXL ", "a JPEG XL image"],
  ["\xff\x0a", "a JPEG XL image"],
  [/^P[1-7]\s/, "a PNM image"],
  ["\x76\x2f\x31\x01", "an OpenEXR image"],
  ["%PDF-", "a PDF file"],
  [/^(\xef\xbb\xbf)?\s*(<\?xml[^]*)?<svg[\s>]/i, "an SVG drawing"],
  [/^(\xef\xbb\xbf)?\s*(<!doctype html|<html[\s>]|<head[\s>])/i, "an HTML page"],
  ["\x1f\x8b", "a gzip file"],
  ["PK\x03\x04", "a ZIP archive"],
  ["version https://git-lfs.github.com/spec", "a pointer of Git LFS instead of the image"],
];

/** The kind of a file; nothing if its first bytes are of none that is known. */
export const kindOf = (bytes: Uint8Array): FileKind | undefined => {
  const head = String.fromCharCode(...bytes.subarray(0, HEAD));
  const found = signs.find(([begins]) =>
    typeof begins === "string" ? head.startsWith(begins) : begins.test(head)
  );
  return found === undefined ? undefined : { name: found[1], read: found[2] === true };
};

/** The kinds that are read, for messages. */
export const imageKinds = "a JPEG, PNG, WebP, GIF, TIFF or AVIF image";
