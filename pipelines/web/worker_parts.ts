/** Shared parts of the computing workers of a site: files of the site, replies and failures. */
import * as Effect from "effect/Effect";
import type { WorkerReply } from "./messages.ts";
import { type PageModel, pageModel, type WebModel } from "./model.ts";

const scope = globalThis as unknown as {
  readonly postMessage: (reply: unknown) => void;
  readonly addEventListener: (name: "message", listen: (event: MessageEvent<never>) => void) => void;
};
/** Sends a reply to the page. */
export const reply = <R = WorkerReply>(message: R): void => scope.postMessage(message);
/** Address of the site. */
export const site = new URL("../", import.meta.url);

/** Tells the page what a request failed with. */
export const failed = (id: number | undefined) => (error: unknown): void => {
  const { message, got, hint } = error as {
    readonly message?: string;
    readonly got?: string;
    readonly hint?: string;
  };
  const text = got !== undefined && hint !== undefined
    ? `${got}. To fix it: ${hint}`
    : message ?? String(error);
  reply({ kind: "failed", message: text, ...(id === undefined ? {} : { id }) });
};

/** A file of the site. Rejects where it is not there. */
export const fetched = async (file: string): Promise<Response> => {
  const response = await fetch(new URL(file, site));
  if (!response.ok) {
    throw new Error(`${file} of this site could not be loaded (${response.status}): reload the page`);
  }
  return response;
};

/** The bytes of a file, with progress as they come. */
const downloaded = async (file: string, total: number): Promise<Uint8Array> => {
  const { body } = await fetched(file), bytes = new Uint8Array(total);
  let loaded = 0;
  for (const reader = body!.getReader();;) {
    const { done, value } = await reader.read();
    if (done) return bytes;
    bytes.set(value, loaded);
    loaded += value.length;
    reply({ kind: "progress", loaded, total });
  }
};

let about: Promise<WebModel> | undefined, model: Promise<PageModel> | undefined;

/** What the model of the site is. */
export const aboutModel = (): Promise<WebModel> =>
  about ??= fetched("model/model.json").then((response) => response.json() as Promise<WebModel>);

/** The model of the site, loaded once. */
export const loadedModel = (): Promise<PageModel> =>
  model ??= aboutModel().then(async (it) =>
    Effect.runPromise(pageModel(it, await downloaded(it.weights.file, it.weights.bytes)))
  );

/** Listens to requests. */
export const onRequest = <R>(listen: (request: R) => void): void =>
  scope.addEventListener("message", ({ data }) => listen(data as R));
