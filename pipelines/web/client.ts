/** The side of a page that talks to its computing worker, and says what the browser lacks. */
/** Starts a worker of a page. Gives what sends it requests. */
export const startWorker = <Request, Reply>(
  script: string,
  onReply: (reply: Reply | { readonly kind: "failed"; readonly message: string }) => void,
): (request: Request) => void => {
  const worker = new Worker(new URL(script, import.meta.url), { type: "module", name: "computing" });
  worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => onReply(data));
  worker.addEventListener("error", (event) => {
    onReply({
      kind: "failed",
      message: event.message || "the computing worker could not be started: reload the page",
    });
  });
  return (request) => worker.postMessage(request);
};

const here = globalThis as unknown as {
  readonly crossOriginIsolated: boolean;
  readonly location: { readonly reload: () => void };
  readonly navigator: {
    readonly gpu?: unknown;
    readonly serviceWorker?: {
      readonly register: (script: URL) => Promise<unknown>;
      readonly ready: Promise<unknown>;
    };
  };
};

const RELOADED = "reloaded for isolation";

/**
 * Makes sure that the page is isolated where a service worker can do that, by one reload; gives a sentence about what is
 * missing, or nothing.
 */
export const isolated = async (): Promise<string | undefined> => {
  if (here.crossOriginIsolated) return undefined;
  const without =
    "This page computes on one thread, since the browser does not let threads share memory here";
  const { serviceWorker } = here.navigator;
  if (serviceWorker === undefined) return `${without}: open it over https or on localhost.`;
  try {
    await serviceWorker.register(new URL("../isolation.js", import.meta.url));
    await serviceWorker.ready;
  } catch {
    return `${without}: its service worker was refused.`;
  }
  if (sessionStorage.getItem(RELOADED) !== null) return `${without}.`;
  sessionStorage.setItem(RELOADED, "yes");
  here.location.reload();
  return await new Promise(() => {});
};

/** A sentence where WebGPU is missing, or nothing. */
export const withoutWebGpu = (): string | undefined =>
  here.navigator.gpu !== undefined ? undefined : "This browser has no WebGPU: the CPU computes.";
