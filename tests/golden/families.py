"""Tiny checkpoints of each family of models with what transformers computes from them.

    python tests/golden/families.py tests/golden/fixtures

Writes families.json (config.json of each model as `save_pretrained` writes it, and the versions) and families.safetensors.gz:
`<model>/w/<tensor>`, `<model>/in`, `<model>/out/<name>`. Outputs are computed in float64 from float32 weights and inputs.
"""
import gzip
import json
import struct
import sys

import numpy
import torch
import transformers
from transformers import (
    CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config,
    Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, SiglipVisionConfig, SiglipVisionModel,
)

DECODER = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
               num_key_value_heads=2, max_position_embeddings=64, attn_implementation="eager")
VISION = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=30,
              patch_size=8, attn_implementation="eager")
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 4.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 16}

DECODERS = {
    "llama3": (LlamaForCausalLM, LlamaConfig(**DECODER, head_dim=8, rope_parameters=LLAMA3, tie_word_embeddings=True)),
    "mistral": (MistralForCausalLM, MistralConfig(**DECODER, head_dim=8, sliding_window=5)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**DECODER, rope_parameters={"rope_type": "default", "rope_theta": 1e6})),
    "qwen2_sliding": (Qwen2ForCausalLM, Qwen2Config(**DECODER, use_sliding_window=True, sliding_window=4,
                                                    max_window_layers=0, tie_word_embeddings=True)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**DECODER, head_dim=10, tie_word_embeddings=True)),
    "qwen3_bias": (Qwen3ForCausalLM, Qwen3Config(**DECODER, head_dim=6, attention_bias=True)),
}
TOWERS = {
    "siglip": (SiglipVisionModel, SiglipVisionConfig(**VISION)),
    "clip_gelu": (CLIPVisionModel, CLIPVisionConfig(**VISION, hidden_act="gelu")),
}


def busy(model, seed):
    """Numbers everywhere, in biases and gains too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(1 + 0.3 * noise if "norm" in name and name.endswith("weight") else 0.25 * noise)
    return model.eval()


def packed(tensors):
    """gzip of the safetensors header, then of the data in four byte planes."""
    header, parts, at = {}, [], 0
    for name, value in sorted(tensors.items()):
        data = numpy.ascontiguousarray(value)
        kind = {"float32": "F32", "int32": "I32"}[str(data.dtype)]
        header[name] = {"dtype": kind, "shape": list(data.shape), "data_offsets": [at, at + data.nbytes]}
        parts.append(data.tobytes())
        at += data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    words = numpy.frombuffer(b"".join(parts), dtype=numpy.uint8).reshape(-1, 4)
    return gzip.compress(struct.pack("<Q", len(text)) + text + words.T.tobytes(), 9, mtime=0)


def main(folder):
    tensors, configs = {}, {}

    def keep(name, model, given, outputs):
        configs[name] = {k: v for k, v in json.loads(model.config.to_json_string()).items()}
        configs[name]["architectures"] = [type(model).__name__]
        tied = getattr(model.config, "tie_word_embeddings", False)
        for key, value in model.state_dict().items():
            if not (tied and key == "lm_head.weight"):
                tensors[f"{name}/w/{key}"] = value.float().numpy()
        tensors[f"{name}/in"] = given
        for key, value in outputs.items():
            tensors[f"{name}/out/{key}"] = value.float().numpy()

    ids = torch.randint(0, 40, (2, 12), generator=torch.Generator().manual_seed(1))
    for seed, (name, (kind, config)) in enumerate(DECODERS.items()):
        model = busy(kind(config), seed)
        with torch.no_grad():
            logits = model.double()(input_ids=ids).logits
        keep(name, model, ids.int().numpy(), {"logits": logits})
    pixels = torch.randn((2, 3, 30, 30), generator=torch.Generator().manual_seed(2))
    for seed, (name, (kind, config)) in enumerate(TOWERS.items()):
        model = busy(kind(config), 10 + seed)
        with torch.no_grad():
            states = model.double()(pixel_values=pixels.double(), output_hidden_states=True).hidden_states
        keep(name, model, pixels.numpy(), {f"hidden_states.{i}": s for i, s in enumerate(states)})

    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    with open(f"{folder}/families.json", "w") as file:
        json.dump({"versions": versions, "models": configs}, file, indent=1, sort_keys=True)
        file.write("\n")
    with open(f"{folder}/families.safetensors.gz", "wb") as file:
        file.write(packed(tensors))


main(sys.argv[1])
