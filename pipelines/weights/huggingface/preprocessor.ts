/** preprocessor_config.json: the normalisation of pixels that a vision encoder was trained on. */
import { type ChannelStatistics, clipStatistics, show, type VitConfig } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, type DecodeError, fromEither } from "../../base/bridge.ts";
import { existing } from "../../base/disk.ts";
import type { Json } from "../../base/hash.ts";
import type { SourceError } from "../source.ts";
import { readJsonFile } from "../ranged.ts";
import { finite, flag, orNull, positive } from "./fields.ts";
import { type UnsupportedError, unsupportedIn } from "./unsupported.ts";

/** The file. */
export const PREPROCESSOR = "preprocessor_config.json";

const codec = t.partial({
  do_normalize: orNull(flag),
  do_rescale: orNull(flag),
  rescale_factor: orNull(positive),
  image_mean: orNull(t.array(finite)),
  image_std: orNull(t.array(positive)),
});

const unsupported = unsupportedIn(PREPROCESSOR);

const same = (a: ChannelStatistics, b: ChannelStatistics): boolean =>
  show([...a.mean, ...a.std]) === show([...b.mean, ...b.std]);

/** The configuration with the normalisation of a parsed preprocessor_config.json. */
export const withNormalisation = (
  config: VitConfig,
  json: unknown,
): E.Either<DecodeError | UnsupportedError, VitConfig> =>
  pipe(
    json,
    decodeEither(codec, PREPROCESSOR),
    E.flatMap((fields): E.Either<DecodeError | UnsupportedError, VitConfig> => {
      const { normalisation = clipStatistics, ...rest } = config, factor = fields.rescale_factor ?? 1 / 255;
      if (fields.do_rescale === false || Math.abs(factor * 255 - 1) > 1e-6) {
        return E.left(unsupported("rescale_factor", factor, "1/255: pixels from 0 to 1"));
      }
      const { image_mean: mean, image_std: std } = fields, colours = config.colours ?? 3;
      const wrong = [mean, std].find((values) => values != null && values.length !== colours);
      if (wrong !== undefined) {
        return E.left(unsupported("image_mean and image_std", wrong, `${colours} numbers`));
      }
      const found: ChannelStatistics = fields.do_normalize === false
        ? { mean: Array(colours).fill(0), std: Array(colours).fill(1) }
        : { mean: mean ?? normalisation.mean, std: std ?? normalisation.std };
      return E.right(same(found, clipStatistics) ? rest : { ...rest, normalisation: found });
    }),
  );

/** The configuration with the normalisation that a folder says, or its own where the folder does not. */
export const readNormalisation = (
  config: VitConfig,
  folder: string,
): Effect.Effect<VitConfig, SourceError | DecodeError | UnsupportedError> =>
  Effect.gen(function* () {
    const path = `${folder}/${PREPROCESSOR}`;
    if (!(yield* existing(path))) return config;
    return yield* fromEither(withNormalisation(config, yield* readJsonFile(path)));
  });

/** The preprocessor_config.json of an encoder, as `CLIPImageProcessor` or `SiglipImageProcessor` reads it. */
export const preprocessorOf = (
  { normalisation = clipStatistics, resolution }: VitConfig,
  processor: string,
): { readonly [field: string]: Json } => ({
  image_processor_type: processor,
  do_resize: true,
  size: { height: resolution, width: resolution },
  resample: 3,
  do_center_crop: false,
  do_convert_rgb: true,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [...normalisation.mean],
  image_std: [...normalisation.std],
});
