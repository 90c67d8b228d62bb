"""Writes chat_templates.json: what jinja2 makes of chat templates, set up as transformers sets it up.

transformers 4.57 `utils/chat_template_utils.py`: ImmutableSandboxedEnvironment with trim_blocks and lstrip_blocks, loop
controls, a `generation` block, `tojson` without escapes, `raise_exception`; `tools` and `documents` are always given.
Run: python3 tests/golden/chat_templates.py
"""
import json
import os

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(lineno)

    def _same(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception

TURNS = [
    {"role": "user", "content": "Which colour?"},
    {"role": "assistant", "content": "Red."},
    {"role": "user", "content": " And its\r\nshape? "},
    {"role": "assistant", "content": "Round \u00e9 <b> \"q\" & '."},
]
LOOP = "{%- for m in messages %}\n<{{ m['role'] }}>\n{{ m['content'] | trim }}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}\n\n{% endfor %}\n{% if add_generation_prompt %}\n<assistant>\n{% endif %}"
SOURCES = {
    "newlines": "{{ bos_token }}\n" + LOOP,
    "windows": ("{{ bos_token }}\n" + LOOP).replace("\n", "\r\n"),
    "old mac": ("{{ bos_token }}\n" + LOOP).replace("\n", "\r"),
    "mixed ends": "a\r\n{% if true %}\r\nb\r{% endif %}\n\nc\r\n\r\n",
    "last newline": "{{ bos_token }}x\n",
    "two last newlines": "{{ bos_token }}x\r\n\r\n",
    "string with newline": "{{ 'a\\nb' }}{{ \"c\\r\\nd\" }}",
    "indented blocks": "  {% for m in messages %}\n    {{ m.role }}:\n\t{# note #}\n  {%- endfor %}\n  end",
    "tools": "{% if tools is defined %}d{% endif %}|{% if tools is none %}n{% endif %}|{% if tools %}t{% else %}no{% endif %}|{% if documents is not none %}x{% endif %}",
    "enable_thinking": "{% if enable_thinking is defined and enable_thinking is false %}off{% else %}on{% endif %}",
    "special tokens": "{{ bos_token }}{{ pad_token }}{{ unk_token }}{% if sep_token is defined %}sep{% endif %}{{ eos_token }}",
    "loop controls": "{% for m in messages %}{% if loop.index0 == 0 %}{% continue %}{% elif loop.index == 4 %}{% break %}{% endif %}{{ m.content | trim }};{% endfor %}",
    "tojson": "{% for m in messages %}{{ m | tojson }}\n{{ m.content | tojson }}{% endfor %}",
    "tojson indent": "{{ messages | tojson(indent=2) }}",
    "generation": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
    "generation lines": "{%- for m in messages %}\n{%- if m.role == 'assistant' %}\n  {%- generation %}\n{{ m.content }}\n  {%- endgeneration %}\n{%- else %}\n{{ m.content }}\n{%- endif %}\n{%- endfor %}",
    "namespace": "{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{{ ns.last }}",
    "reversed": "{% for m in messages[::-1] %}{{ m.role[0] }}{% endfor %}{{ messages[1:]|length }}",
    "split": "{{ 'a</think>b'.split('</think>')[-1].lstrip('b') }}{{ ' x '.strip() }}{{ 'AbC'|lower }}{{ 'abc'.startswith('ab') and 'yes' }}",
    "macro": "{% macro turn(m, end=eos_token) %}[{{ m.role }}]{{ end }}{% endmacro %}{% for m in messages %}{{ turn(m) }}{{ turn(m, end='.') }}{% endfor %}",
    "range": "{% for i in range(5, 0, -2) %}{{ i }} {% endfor %}{{ range(3)|list|length }}",
    "raise": "{% if messages[0].role == 'user' %}{{ raise_exception('no user first') }}{% endif %}",
}
VALUES = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def render(source, generation):
    try:
        return environment.from_string(source).render(
            messages=TURNS[:-1] if generation else TURNS, tools=None, documents=None,
            add_generation_prompt=generation, **VALUES)
    except jinja2.exceptions.TemplateError as error:
        return {"raises": str(error)}


cases = [
    {"name": name, "source": source, "render": render(source, False), "prompt": render(source, True)}
    for name, source in SOURCES.items()
]
out = {"jinja2": jinja2.__version__, "turns": TURNS, "values": VALUES, "cases": cases}
with open(os.path.join(os.path.dirname(__file__), "fixtures", "chat_templates.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
