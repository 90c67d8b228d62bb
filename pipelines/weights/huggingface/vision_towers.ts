/** Vision encoders of CLIP and SigLIP, alone or inside the whole model, as the vision transformer here. */
import { type ParameterSpec, type Tree, type VitConfig, vitSpecs } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither } from "../../base/bridge.ts";
import type { NameTable, Row } from "../table.ts";
import { type Architecture, checkKind, kindFields, type Kinds } from "./architecture.ts";
import { layerCount, lengthCount, positive, readActivation, writeActivation } from "./fields.ts";
import { mathFault } from "./math_fields.ts";
import { PREPROCESSOR, preprocessorOf } from "./preprocessor.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

// absent fields have the defaults of `transformers`, which leaves them out where a config is nested
const tower = t.partial({
  hidden_size: lengthCount,
  intermediate_size: lengthCount,
  num_hidden_layers: layerCount,
  num_attention_heads: lengthCount,
  num_channels: lengthCount,
  image_size: lengthCount,
  patch_size: lengthCount,
  hidden_act: t.string,
  layer_norm_eps: positive,
  // a field of exports from here: positions of another resolution are interpolated as the training here did
  align_corners: t.boolean,
});

const codec = t.intersection([kindFields, tower, t.partial({ vision_config: tower })]);

const KNOWN: ReadonlySet<string> = new Set([...Object.keys(tower.props), ...Object.keys(kindFields.props)]);

/** The families of vision encoders that are read. */
export type VisionFamily = "clip" | "siglip";

/** How much of an encoder is loaded. */
export interface VisionTowerOptions {
  /**
   * Blocks from the first on, for features of inner blocks (the paper keeps 23 of 24). The normalisation after the last
   * block is then left out as well. All by default.
   */
  readonly blocks?: number;
}

/** A family of vision encoders: what its class in `transformers` 5.18 computes alongside what both do. */
interface Family {
  readonly kinds: Kinds;
  readonly model: string;
  /** The class that prepares its images. */
  readonly processor: string;
  /** Defaults of its configuration. */
  readonly defaults: { readonly patch: number; readonly activation: string; readonly eps: number };
  /** What its encoders have alongside the rest. */
  readonly form: Pick<VitConfig, "classToken" | "preNorm" | "patchBias" | "normalisation">;
  /** Fields of config.json alongside those of both. */
  readonly fields: { readonly [field: string]: boolean };
  /** Whether the last normalisation is that of the pooled class token. */
  readonly pooled: boolean;
  /** Tensors of the whole model that are no part of the encoder. */
  readonly others: RegExp;
}

/** Mean and deviation of SigLIP's pixels: from -1 to 1. */
const half = [0.5, 0.5, 0.5] as const;

const families: Readonly<Record<VisionFamily, Family>> = {
  clip: {
    kinds: {
      classes: ["CLIPVisionModel", "CLIPVisionModelWithProjection", "CLIPModel"],
      families: ["clip_vision_model", "clip"],
    },
    model: "a CLIP vision encoder",
    processor: "CLIPImageProcessor",
    defaults: { patch: 32, activation: "quick_gelu", eps: 1e-5 },
    form: {},
    fields: {},
    pooled: true,
    others: /^(text_model\.|text_projection\.|visual_projection\.|logit_scale$)/,
  },
  siglip: {
    kinds: {
      classes: ["SiglipVisionModel", "SiglipModel"],
      families: ["siglip_vision_model", "siglip"],
    },
    model: "a SigLIP vision encoder",
    processor: "SiglipImageProcessor",
    defaults: { patch: 16, activation: "gelu_pytorch_tanh", eps: 1e-6 },
    form: {
      classToken: false,
      preNorm: false,
      patchBias: true,
      normalisation: { mean: half, std: half },
    },
    fields: { vision_use_head: false },
    pooled: false,
    // the head that pools patches by attention is no part of what a bridge reads
    others: /^(text_model\.|logit_(scale|bias)$|(vision_model\.)?head\.)/,
  },
};

const shapeFault = (config: VitConfig, blocks: number | undefined): UnsupportedError | undefined => {
  const { width, heads, resolution, patch, layers } = config;
  if (width % heads !== 0) {
    return unsupported("num_attention_heads", heads, `a divisor of the width ${width}`);
  }
  if (resolution < patch) {
    return unsupported("image_size", resolution, `at least the patch, ${patch} px`);
  }
  return blocks !== undefined && !(Number.isInteger(blocks) && blocks >= 1 && blocks <= layers)
    ? unsupported("num_hidden_layers", layers, `at least the ${blocks} blocks that were asked for`)
    : undefined;
};

const read =
  (family: Family, blocks: number | undefined) =>
  (config: unknown): ReturnType<Architecture<VitConfig>["read"]> =>
    pipe(
      decodeEither(codec, "config.json")(config),
      E.chainW((fields) => {
        const given = fields.vision_config ?? fields, width = given.hidden_size ?? 768;
        const fault = checkKind(fields, family.kinds) ?? mathFault(given, KNOWN);
        if (fault !== undefined) return E.left(fault);
        const { defaults, form } = family, patch = given.patch_size ?? defaults.patch;
        return pipe(
          readActivation(given.hidden_act ?? defaults.activation),
          E.map((activation): VitConfig => ({
            // the patch embedding leaves out the pixels of a side that fill no patch (384 px in patches of 14: 378 px)
            resolution: Math.floor((given.image_size ?? 224) / patch) * patch,
            patch,
            colours: given.num_channels ?? 3,
            width,
            layers: given.num_hidden_layers ?? 12,
            heads: given.num_attention_heads ?? 12,
            ff: given.intermediate_size ?? 3072,
            activation,
            eps: given.layer_norm_eps ?? defaults.eps,
            pooled: family.pooled,
            alignCorners: given.align_corners ?? false,
            ...form,
          })),
          E.chain((whole) => {
            const wrong = shapeFault(whole, blocks);
            return wrong !== undefined
              ? E.left(wrong)
              : E.right(blocks === undefined ? whole : { ...whole, layers: blocks, pooled: false });
          }),
        );
      }),
    );

// the first property of a configuration that the family's class cannot have
const beyond = ({ form, kinds: { classes } }: Family, config: VitConfig): UnsupportedError | undefined => {
  const { classToken = true, preNorm = true, patchBias = false } = config;
  const refused = (what: string) => unsupported(what, false, `what ${classes[0]} computes`);
  if (classToken !== (form.classToken ?? true)) return refused("class token");
  if (preNorm !== (form.preNorm ?? true)) return refused("pre_layrnorm");
  return patchBias !== (form.patchBias ?? false) ? refused("bias of the patch embedding") : undefined;
};

const write = (family: Family): Architecture<VitConfig>["write"] => (config) => {
  const { width, ff = 4 * width, colours = 3, activation = "quickGelu", eps = 1e-5 } = config;
  const fault = beyond(family, config);
  return fault !== undefined ? E.left(fault) : E.right({
    architectures: [family.kinds.classes[0]!],
    model_type: family.kinds.families[0]!,
    hidden_size: width,
    intermediate_size: ff,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_channels: colours,
    image_size: config.resolution,
    patch_size: config.patch,
    hidden_act: writeActivation(activation),
    layer_norm_eps: eps,
    attention_dropout: 0,
    ...(config.alignCorners === false ? {} : { align_corners: true }),
    ...family.fields,
  });
};

const both = (...owners: readonly string[]): readonly string[] =>
  owners.flatMap((owner) => [`${owner}.weight`, `${owner}.bias`]);

const same = (name: string): Row => ({ ours: name, theirs: name });

const rows: readonly Row[] = [
  "embeddings.class_embedding",
  "embeddings.patch_embedding.weight",
  "embeddings.patch_embedding.bias",
  "embeddings.position_embedding.weight",
  ...both(
    "pre_layrnorm",
    "encoder.layers.{i}.layer_norm1",
    "encoder.layers.{i}.self_attn.q_proj",
    "encoder.layers.{i}.self_attn.k_proj",
    "encoder.layers.{i}.self_attn.v_proj",
    "encoder.layers.{i}.self_attn.out_proj",
    "encoder.layers.{i}.layer_norm2",
    "encoder.layers.{i}.mlp.fc1",
    "encoder.layers.{i}.mlp.fc2",
    "post_layernorm",
  ),
].map(same);

// a range of integers that older versions stored
const POSITION_IDS = /(^|\.)embeddings\.position_ids$/;
const LAST_NORM = /^(vision_model\.)?post_layernorm\./;
const BLOCK = /^(?:vision_model\.)?encoder\.layers\.(\d+)\./;

const names =
  ({ model, others }: Pick<Family, "model" | "others">, blocks: number | undefined) =>
  ({ pooled }: VitConfig): NameTable => ({
    model,
    rows,
    prefixes: ["", "vision_model."],
    ignored: (name) =>
      others.test(name) || POSITION_IDS.test(name) || (!pooled && LAST_NORM.test(name)) ||
      (blocks !== undefined && Number(BLOCK.exec(name)?.[1] ?? -1) >= blocks),
  });

const colours = t.strict({ mean: t.readonlyArray(t.number), std: t.readonlyArray(positive) });

// every field of a VitConfig
const plainType = t.intersection([
  t.strict({
    resolution: lengthCount,
    patch: lengthCount,
    colours: lengthCount,
    width: lengthCount,
    layers: layerCount,
    heads: lengthCount,
    ff: lengthCount,
    classToken: t.boolean,
    activation: t.keyof({ silu: null, gelu: null, geluTanh: null, quickGelu: null, relu: null }),
    eps: positive,
    pooled: t.boolean,
    preNorm: t.boolean,
    patchBias: t.boolean,
  }),
  t.partial({ normalisation: colours, alignCorners: t.boolean }),
]);

const plainKinds: Kinds = { classes: ["ChainOfSightVisionModel"], families: ["chain_of_sight_vision"] };

/** The adapter of encoders that no class of `transformers` is like: config.json has the fields of a `VitConfig`. */
const plainArchitecture = ({ blocks }: VisionTowerOptions): Architecture<VitConfig> => ({
  name: "a vision encoder of Chain-of-Sight",
  kinds: plainKinds,
  plain: true,
  read: (json) =>
    pipe(
      json,
      decodeEither(t.intersection([kindFields, plainType]), "config.json"),
      E.chainW(({ architectures: _, model_type: __, quantization_config: ___, ...rest }) => {
        const { normalisation, alignCorners = true, ...fields } = rest, wrong = shapeFault(fields, blocks);
        if (wrong !== undefined) return E.left(wrong);
        const config = { ...fields, alignCorners, ...(normalisation === undefined ? {} : { normalisation }) };
        return E.right(blocks === undefined ? config : { ...config, layers: blocks, pooled: false });
      }),
    ),
  write: (config) =>
    E.right({
      architectures: plainKinds.classes,
      model_type: plainKinds.families[0],
      resolution: config.resolution,
      patch: config.patch,
      colours: config.colours ?? 3,
      width: config.width,
      layers: config.layers,
      heads: config.heads,
      ff: config.ff ?? 4 * config.width,
      classToken: config.classToken ?? true,
      activation: config.activation ?? "quickGelu",
      eps: config.eps ?? 1e-5,
      pooled: config.pooled ?? false,
      preNorm: config.preNorm ?? true,
      patchBias: config.patchBias ?? false,
      alignCorners: config.alignCorners ?? true,
      ...(config.normalisation === undefined
        ? {}
        : { normalisation: { mean: config.normalisation.mean, std: config.normalisation.std } }),
    }),
  specs: (config) => vitSpecs(config) as Tree<ParameterSpec>,
  names: names({ model: "a vision encoder of Chain-of-Sight", others: /^$/ }, blocks),
});

/** The adapter of one family of vision encoders. */
export const visionArchitecture = (
  type: VisionFamily,
  { blocks }: VisionTowerOptions = {},
): Architecture<VitConfig> => {
  const family = families[type];
  return {
    name: family.model,
    kinds: family.kinds,
    read: read(family, blocks),
    write: write(family),
    files: (config) => ({ [PREPROCESSOR]: preprocessorOf(config, family.processor) }),
    specs: (config) => vitSpecs(config) as Tree<ParameterSpec>,
    names: names(family, blocks),
  };
};

/** The adapters of all families of vision encoders, CLIP first, and last that of encoders that have no class. */
export const visionArchitectures = (options: VisionTowerOptions = {}): readonly Architecture<VitConfig>[] => [
  ...(Object.keys(families) as VisionFamily[]).map((type) => visionArchitecture(type, options)),
  plainArchitecture(options),
];
