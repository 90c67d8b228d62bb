/**
 * Which requests are answered: GET, from this machine, by one of its own names. A page of the internet whose name was
 * made to point here (DNS rebinding) says its own name in `Host`, and is refused.
 */
import type { BoardQuery } from "./query.ts";
import { queryOf } from "./query.ts";

/** Request of a request. */
export type Route =
  | { readonly kind: "page"; readonly query: BoardQuery }
  | { readonly kind: "events"; readonly query: BoardQuery }
  | { readonly kind: "script" }
  | { readonly kind: "style" }
  | { readonly kind: "file"; readonly segments: readonly string[] }
  | { readonly kind: "refused"; readonly status: 400 | 404 | 405 | 414 | 421; readonly why: string };

const OURS = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Characters of the longest address that is answered. */
const LONGEST = 8192;

/** Whether a `Host` header names anything at all. */
const isHost = (host: string): boolean => /^[\w.\-[\]:]+$/.test(host) && URL.canParse(`http://${host}/`);

/** Whether a `Host` header names this machine's loopback; the port may be another's, as behind a tunnel. */
export const ownHost = (host: string | null): boolean =>
  host !== null && isHost(host) && OURS.has(new URL(`http://${host}/`).hostname);

const refused = (status: 400 | 404 | 405 | 414 | 421, why: string): Route => ({
  kind: "refused",
  status,
  why,
});

/** The parts of a path, decoded; nothing for one that has no business here: empty, hidden, or more than one name. */
export const segmentsOf = (path: string): readonly string[] | undefined => {
  const parts = path.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return "";
    }
  });
  // deno-lint-ignore no-control-regex
  return parts.every((part) => part !== "" && !part.startsWith(".") && !/[/\\\u0000-\u001f]/.test(part))
    ? parts
    : undefined;
};

/** The parsed request, from its method, its address and its `Host`. */
export const routeOf = (method: string, url: URL | undefined, host: string | null): Route => {
  if (url === undefined || (host !== null && !isHost(host))) return refused(400, "no address of this board");
  if (url.href.length > LONGEST) return refused(414, "the address is too long");
  if (!ownHost(host)) return refused(421, "this board answers to localhost alone");
  if (method !== "GET") return refused(405, "this board is read only");
  switch (url.pathname) {
    case "/":
      return { kind: "page", query: queryOf(url.searchParams) };
    case "/events":
      return { kind: "events", query: queryOf(url.searchParams) };
    case "/live.js":
      return { kind: "script" };
    case "/board.css":
      return { kind: "style" };
  }
  if (!url.pathname.startsWith("/files/")) return refused(404, "no such page");
  const segments = segmentsOf(url.pathname.slice("/files/".length));
  return segments === undefined ? refused(400, "no path of a file") : { kind: "file", segments };
};

/** Headers of every answer: nothing from elsewhere, nothing into elsewhere. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cache-control": "no-store",
};
