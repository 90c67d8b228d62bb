/** The worker's side of rendering: draws ranges of scenes and sends the bytes without copying them. */
import { serve } from "../threads/serve.ts";
import type { DataConfig, Split } from "./config.ts";
import { painterOf, type ScenePainter } from "./painter.ts";
import type { SpritePack } from "./sprite_pack.ts";
import { sampleScene } from "./scene.ts";
import { encodeShard } from "./shards/shard.ts";

/** First message to a worker. */
export interface Begin {
  /** Discriminates. */
  readonly kind: "begin";
  /** What they are drawn with. */
  readonly packs: readonly SpritePack[];
  /** How scenes are made. */
  readonly config: DataConfig;
}

/** Asks for the scenes `from` to `to - 1`: as bytes of every side, or as a shard of masters. */
export interface Draw {
  /** Discriminates. */
  readonly kind: "draw" | "shard";
  /** The split to draw. */
  readonly split: Split;
  /** Sides to send back; a shard has the master alone. */
  readonly sides: readonly number[];
  /** First scene. */
  readonly from: number;
  /** The scene after the last. */
  readonly to: number;
}

/** What a worker sends. */
export type Drawn =
  | { readonly kind: "ready" }
  | { readonly kind: "drawn"; readonly from: number; readonly images: Readonly<Record<number, Uint8Array>> }
  | { readonly kind: "sharded"; readonly bytes: Uint8Array<ArrayBuffer>; readonly content: string };

/** Draws the scenes of a range into one array per side. */
const drawRange = (
  painter: ScenePainter,
  config: DataConfig,
  { split, sides, from, to }: Omit<Draw, "kind">,
): Record<number, Uint8Array<ArrayBuffer>> => {
  const out = Object.fromEntries(sides.map((s) => [s, new Uint8Array((to - from) * s * s * 3)]));
  for (let i = from; i < to; i++) {
    const rendered = painter.render(sampleScene(config, split, i), sides);
    for (const side of sides) out[side]!.set(rendered[side]!, (i - from) * side * side * 3);
  }
  return out;
};

const shardOf = (painter: ScenePainter, config: DataConfig, { split, from, to }: Omit<Draw, "kind">) => {
  const { master } = config;
  const parts = function* () {
    for (let i = from; i < to; i++) {
      const scene = sampleScene(config, split, i);
      yield { record: JSON.stringify(scene), image: painter.paint(scene) };
    }
  };
  return encodeShard(from, master, parts());
};

let begun: { readonly painter: ScenePainter; readonly config: DataConfig } | undefined;

serve<Begin | Draw, Drawn>((message) => {
  if (message.kind === "begin") {
    const { packs, config } = message;
    begun = { painter: painterOf(packs, config), config };
    return { value: { kind: "ready" } };
  }
  const { painter, config } = begun!;
  if (message.kind === "shard") {
    const { bytes, content } = shardOf(painter, config, message);
    return { value: { kind: "sharded", bytes, content }, transfer: [bytes.buffer] };
  }
  const images = drawRange(painter, config, message);
  return {
    value: { kind: "drawn", from: message.from, images },
    transfer: Object.values(images).map((bytes) => bytes.buffer),
  };
});
