/** The worker's side of rendering: draws ranges of scenes and sends the bytes without copying them. */
import type { Art } from "./art.ts";
import { type Composer, composerOf } from "./compose.ts";
import type { DataConfig, Split } from "./config.ts";
import { sampleScene } from "./scene.ts";

/** First message to a worker. */
export interface Begin {
  /** Discriminates. */
  readonly kind: "begin";
  /** The drawings. */
  readonly art: Art;
  /** How scenes are made. */
  readonly config: DataConfig;
  /** The split to draw. */
  readonly split: Split;
  /** Sides to send back. */
  readonly sides: readonly number[];
}

/** Asks for the scenes `from` to `to - 1`. */
export interface Draw {
  /** Discriminates. */
  readonly kind: "draw";
  /** First scene. */
  readonly from: number;
  /** The scene after the last. */
  readonly to: number;
}

/** What a worker sends. */
export type Reply =
  | { readonly kind: "ready" }
  | { readonly kind: "drawn"; readonly from: number; readonly images: Readonly<Record<number, Uint8Array>> }
  | { readonly kind: "failed"; readonly message: string };

/** Draws the scenes of a range into one array per side. */
export const drawRange = (
  composer: Composer,
  { config, split, sides }: Pick<Begin, "config" | "split" | "sides">,
  { from, to }: Pick<Draw, "from" | "to">,
): Record<number, Uint8Array<ArrayBuffer>> => {
  const out = Object.fromEntries(sides.map((s) => [s, new Uint8Array((to - from) * s * s * 3)]));
  for (let i = from; i < to; i++) {
    const pictures = composer.render(sampleScene(config, split, i), sides);
    for (const side of sides) out[side]!.set(pictures[side]!, (i - from) * side * side * 3);
  }
  return out;
};

/** What a worker's global object adds. */
interface WorkerScope {
  readonly postMessage: (message: Reply, transfer: Transferable[]) => void;
  onmessage: (event: MessageEvent<Begin | Draw>) => void;
}

const scope = globalThis as unknown as WorkerScope;

const serve = (): void => {
  const send = (reply: Reply, transfer: Transferable[] = []): void => scope.postMessage(reply, transfer);
  let begun: { readonly composer: Composer; readonly begin: Begin } | undefined;
  const answer = async (message: Begin | Draw): Promise<void> => {
    if (message.kind === "begin") {
      begun = { composer: await composerOf(message.art, message.config), begin: message };
      return send({ kind: "ready" });
    }
    const images = drawRange(begun!.composer, begun!.begin, message);
    send({ kind: "drawn", from: message.from, images }, Object.values(images).map((b) => b.buffer));
  };
  scope.onmessage = (event: MessageEvent<Begin | Draw>) => {
    answer(event.data).catch((cause) => send({ kind: "failed", message: String(cause) }));
  };
};

if ("DedicatedWorkerGlobalScope" in globalThis) serve();
