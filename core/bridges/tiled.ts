/**
 * One bridge on a thumbnail of the image and on each of its tiles, the "existing strategy" of token extension that
 * arXiv 2407.15819 compares with (as in Monkey, arXiv 2311.06607, and LLaVA-NeXT).
 * Shapes: b images, v views, n tokens of a view, h channels of the language model.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { averagePool2d } from "../nn/pooling.ts";
import { concat, permute, reshape } from "../ops/movement.ts";
import { show } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Bridge } from "./bridge.ts";

/**
 * A thumbnail and `tiles x tiles` tiles of every image, row-major: `[b, h, w, c]` to
 * `[b (1 + tiles tiles), h / tiles, w / tiles, c]`. The thumbnail holds means of squares.
 */
export const viewsOf = (tiles: number): (image_bhwc: Tensor) => Tensor => (image_bhwc: Tensor): Tensor => {
  const [b, h, w, c] = image_bhwc.shape as [number, number, number, number], y = h / tiles, x = w / tiles;
  if (image_bhwc.shape.length !== 4 || !Number.isInteger(y) || !Number.isInteger(x)) {
    throw new ConfigError({
      op: "viewsOf",
      got: `${show(image_bhwc.shape)} in ${tiles} x ${tiles} tiles`,
      expected: `[b, h, w, c] with sides divided by ${tiles}`,
      hint: "resize the image",
    });
  }
  const parts = pipe(
    image_bhwc,
    reshape([b, tiles, y, tiles, x, c]),
    permute([0, 1, 3, 2, 4, 5]),
    reshape([b, tiles * tiles, y, x, c]),
  );
  const thumbnail = pipe(image_bhwc, averagePool2d(tiles), reshape([b, 1, y, x, c]));
  return reshape([b * (1 + tiles * tiles), y, x, c])(concat([thumbnail, parts], 1));
};

/**
 * A bridge that looks at a thumbnail, then at each tile: `1 + tiles tiles` times the tokens on the same parameters.
 * @throws {ConfigError} for a number of tiles below 2, or a bridge that has views already.
 */
export const tiled = (bridge: Bridge, tiles: number): Bridge => {
  if (!Number.isInteger(tiles) || tiles < 2 || bridge.views !== undefined) {
    throw new ConfigError({
      op: "tiled",
      got: `${tiles} x ${tiles} tiles of ${bridge.name}`,
      expected: "two or more tiles per side, of a bridge that sees one image",
      hint: "tile once",
    });
  }
  const count = 1 + tiles * tiles, cells = bridge.grid ** 2, { members, ...one } = bridge;
  return {
    ...one,
    name: `tiled-${bridge.name}`,
    tokens: count * bridge.tokens,
    views: { count, of: viewsOf(tiles) },
    ...(members === undefined ? {} : { members: members.map((member) => tiled(member, tiles)) }),
    apply: (params, features) => {
      const views = features.map((f) => {
        const [b, n, d] = f.shape as [number, number, number];
        if (f.shape.length === 3 && n === count * cells) return reshape([b * count, cells, d])(f);
        throw new ConfigError({
          op: "tiled",
          got: `features ${show(f.shape)}`,
          expected: `[b, ${count * cells}, d]: ${count} views of ${cells} patches`,
          hint: "encode the thumbnail and every tile",
        });
      });
      const tokens = bridge.apply(params, views), [bv, n, h] = tokens.shape as [number, number, number];
      return reshape([bv / count, count * n, h])(tokens);
    },
  };
};
