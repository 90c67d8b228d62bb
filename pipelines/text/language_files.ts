/** A tokenizer and its chat template in the files of Hugging Face: tokenizer.json, tokenizer_config.json, chat_template.jinja. */
import * as Effect from "effect/Effect";
import { type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { type DiskError, ifThere, onDisk } from "../base/disk.ts";
import type { Json } from "../base/hash.ts";
import { namedTemplateOf, TemplateError } from "./template.ts";
import type { NamedTemplate } from "./templates.ts";

/** What a folder has of a language. */
export interface LanguageFiles {
  /** The parsed tokenizer.json. */
  readonly tokenizer: unknown;
  /** Its chat template and the tokens around it; undefined where the folder has none. */
  readonly template: NamedTemplate | undefined;
}

const TOKENIZER = "tokenizer.json", CONFIG = "tokenizer_config.json", TEMPLATE = "chat_template.jinja";

const textIn = (path: string): Effect.Effect<string | undefined, DiskError> =>
  onDisk("read", path, () => ifThere(Deno.readTextFile(path)));

const withoutTokenizer = (folder: string): TemplateError =>
  new TemplateError({
    op: folder,
    got: `no ${TOKENIZER}`,
    expected: "the tokenizer of the model in that file",
    hint:
      "write it once, with Python's transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
  });

/** Reads the tokenizer of a model's folder and its template, which a file of its own has before tokenizer_config.json. */
export const readLanguage = (
  folder: string,
): Effect.Effect<LanguageFiles, DecodeError | DiskError | TemplateError> =>
  Effect.gen(function* () {
    const [text, config, jinja] = yield* Effect.all(
      [TOKENIZER, CONFIG, TEMPLATE].map((name) => textIn(`${folder}/${name}`)),
    );
    if (text === undefined) return yield* Effect.fail(withoutTokenizer(folder));
    const tokenizer = yield* fromEither(parseJson(`${folder}/${TOKENIZER}`)(text));
    const fields = yield* fromEither(parseJson(`${folder}/${CONFIG}`)(config ?? "{}"));
    const own = jinja ?? (fields as { readonly chat_template?: unknown } | null)?.chat_template ?? undefined;
    if (own === undefined) return { tokenizer, template: undefined };
    const whole = JSON.stringify({ ...fields as object, chat_template: own });
    return { tokenizer, template: yield* fromEither(namedTemplateOf(whole, `${folder}/${CONFIG}`)) };
  });

/** The files of a tokenizer and its template, as JSON by name. */
export const languageFiles = ({ tokenizer, template }: LanguageFiles): { readonly [name: string]: Json } => ({
  [TOKENIZER]: tokenizer as Json,
  ...(template === undefined ? {} : {
    [CONFIG]: {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: template.bos === "" ? null : template.bos,
      eos_token: template.eos === "" ? null : template.eos,
      ...template.special,
      chat_template: template.source,
    },
  }),
});
