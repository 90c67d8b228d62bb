/** Headers of a site: no request leaves its origin, no script but its own runs, and threads may share memory. */

/** The content security policy. WebAssembly needs `wasm-unsafe-eval`; images of the visitor are blobs. */
export const pagePolicy: string = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Headers of every answer. */
export const siteHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": `${pagePolicy}; frame-ancestors 'none'`,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-cache",
};
