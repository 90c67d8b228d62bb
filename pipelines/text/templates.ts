/** Templates by name, for models whose files have none. */

/** A template and the tokens that it needs. */
export interface NamedTemplate {
  /** The Jinja text. */
  readonly source: string;
  /** Start of a text. */
  readonly bos: string;
  /** What ends an answer. */
  readonly eos: string;
  /** Further special tokens by the names that transformers gives them, such as `pad_token`; none by default. */
  readonly special?: Readonly<Record<string, string | readonly string[]>>;
}

/** Name of a template. */
export type TemplateName = "plain" | "vicuna" | "llama2" | "llama3" | "chatml";

const system = (open: string, close: string): string =>
  `{% if messages[0].role == 'system' %}{{ '${open}' + messages[0].content + '${close}' }}{% endif %}`;

/**
 * `plain`: question, answer, end, as the quickstart lays out its rows. `vicuna`: the language model of the paper
 * (github.com/lm-sys/FastChat, vicuna_v1.1). `llama2`: github.com/meta-llama/llama, `chat_completion`. `llama3`:
 * github.com/meta-llama/llama3, `ChatFormat`. `chatml`: Qwen and others.
 */
export const namedTemplates: Readonly<Record<TemplateName, NamedTemplate>> = {
  plain: {
    source:
      "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}" +
      "{% else %}{{ m.content }}{% endif %}{% endfor %}",
    bos: "<bos>",
    eos: "<eos>",
  },
  vicuna: {
    source: "{{ bos_token }}" + system("", " ") +
      "{% for m in messages %}{% if m.role == 'user' %}{{ 'USER: ' + m.content }}" +
      "{% elif m.role == 'assistant' %}{{ ' ASSISTANT: ' + m.content + eos_token }}{% endif %}{% endfor %}",
    bos: "<s>",
    eos: "</s>",
  },
  llama2: {
    source: "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' }}" +
      "{% if loop.index0 == 1 and messages[0].role == 'system' %}" +
      "{{ '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' }}{% endif %}{{ m.content + ' [/INST]' }}" +
      "{% elif m.role == 'assistant' %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}",
    bos: "<s>",
    eos: "</s>",
  },
  llama3: {
    source: "{{ bos_token }}{% for m in messages %}" +
      "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + m.content | trim + eos_token }}{% endfor %}",
    bos: "<|begin_of_text|>",
    eos: "<|eot_id|>",
  },
  chatml: {
    source:
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + eos_token + '\\n' }}{% endfor %}",
    bos: "",
    eos: "<|im_end|>",
  },
};
