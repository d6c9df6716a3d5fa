"""Write a language model of four megabytes that calls tools on demand: `python tiny_model.py gguf|hf PATH`.

Run it with the Python of the server that will load the model: "gguf" needs the packages gguf and numpy,
"hf" needs numpy, safetensors and tokenizers. It downloads nothing.

Strategy. A transformer whose attention and feed-forward outputs are zero sees the last token only, so it is
a table of successors. Every token has its own channel in the embedding (channel 0 is always on), so the
output matrix is exactly that table. Text is random words and then an end. If a prompt offers tools, the chat
template ends it with a token that starts one of these chains:

    tools offered, none run yet   a thought, then a call of get_weather
    tools offered, one run        a call of get_time
    the user says "on and on"     " and on" without end
    any other prompt              words
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 512  # channels: more than there are tokens
HEADS, HEAD_WIDTH, INNER, LAYERS = 8, 64, 64, 1
CONTEXT = 32768
WORDS = (  # noqa: SIM905 - a list of a hundred would be a page
    "the of to and in is it you that he was for on are with as his they be at one have this from had by hot "
    "word but what some we can out other were all there when up use your how said an each she which do time "
    "will way about many then them write would like so these long make thing see him two has look more "
    "café naïve über 日本 привет 😀 🚀"
).split()
# Controls are never text. Marks are text, but always one token.
END, CONTROLS = "<|im_end|>", ("<|im_start|>", "<|im_end|>", "<|first|>", "<|second|>", "<|endless|>")
MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
# A token has one row in the table. Therefore the second chain needs its own "<tool_call>", and no piece of a
# chain may be one of the words.
CHAINS = (
    ("<|first|>", "<think>", "\nLet", " me", " look that", " up.\n", "</think>", "\n\n", "<tool_call>",
     '\n{"name": "get_weather",', ' "arguments": {"city":', ' "Zürich 東京",', ' "days": 3}', "}\n",
     "</tool_call>", END),
    ("<|second|>", '<tool_call>\n{"name": "get_time",', ' "arguments":', ' {"zone":', ' "UTC"}', "}\n"),
    ("<|endless|>", " and on", " and on"),
)  # fmt: skip

# In the format of the Hermes and Qwen models. llama.cpp recognises it by the output of the template, and
# mlx-lm by "<tool_call>" and "tool_call.name" in the template's source.
TEMPLATE = """\
{%- if tools %}<|im_start|>system
Tools:{% for tool in tools %}
{{ tool | tojson }}{% endfor %}<|im_end|>
{% endif %}{%- set ran = messages | selectattr("role", "equalto", "tool") | list | length %}
{%- for message in messages %}{%- if message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{% if message.reasoning_content %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content or "" }}{% for call in message.tool_calls or [] -%}
{% set tool_call = call.function %}
<tool_call>
{"name": "{{ tool_call.name }}", "arguments": {{ tool_call.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endif %}{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% if tools and ran == 0 %}<|first|>{% elif tools and ran == 1 %}<|second|>
{%- elif "on and on" in (messages[-1].content or "") %}<|endless|>{% endif %}{% endif %}"""


def byte_names() -> list[str]:
    """Return the printable character that byte-level BPE uses for each byte, as in GPT-2."""
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def vocabulary() -> dict[str, int]:
    """Return the number of each token: bytes, words, other pieces of chains, marks, controls."""
    names = byte_names()

    def spelled(text: str) -> str:
        return "".join(names[byte] for byte in text.encode())

    pieces = [piece for chain in CHAINS for piece in chain if piece not in MARKS + CONTROLS]
    tokens = [*names, *(spelled(" " + word) for word in WORDS), *map(spelled, pieces), *MARKS, *CONTROLS]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def weights(numbers: dict[str, int]) -> tuple[Any, Any]:
    """Return the embedding, and the output matrix whose logits are the entries of the table."""
    names = byte_names()

    def number(piece: str) -> int:
        return numbers[piece if piece in MARKS + CONTROLS else "".join(names[b] for b in piece.encode())]

    embedding = np.zeros((len(numbers), WIDTH), np.float32)
    embedding[:, 0] = 1
    embedding[np.arange(len(numbers)), np.arange(len(numbers)) + 1] = 1
    gain = (WIDTH / 2) ** 0.5  # of the RMS norm before the output matrix, for a row of two ones
    logits = np.full(len(numbers), -30.0)
    logits[:256] = -12.0  # bytes: only if a grammar allows no other token
    logits[[number(" " + word) for word in WORDS]] = 0.0
    logits[number(END)] = 1.0  # an answer of some tens of words
    output = np.zeros((len(numbers), WIDTH), np.float32)
    output[:, 0] = logits / gain
    for chain in CHAINS:
        for one, other in pairwise(chain):
            output[number(other), number(one) + 1] = (60.0 - logits[number(other)]) / gain
    output[number(END), number("\n") + 1] = -60.0 / gain  # a prompt ends in a line end: no empty answers
    return embedding, output


def layer() -> dict[str, Any]:
    """Return a layer without effect, with llama.cpp's names."""
    inside, none = HEADS * HEAD_WIDTH, np.float32
    return {
        "attn_norm": np.ones(WIDTH, none),
        "attn_q": np.zeros((inside, WIDTH), none),
        "attn_k": np.zeros((HEAD_WIDTH, WIDTH), none),
        "attn_v": np.zeros((HEAD_WIDTH, WIDTH), none),
        "attn_output": np.zeros((WIDTH, inside), none),
        "ffn_norm": np.ones(WIDTH, none),
        "ffn_gate": np.zeros((INNER, WIDTH), none),
        "ffn_up": np.zeros((INNER, WIDTH), none),
        "ffn_down": np.zeros((WIDTH, INNER), none),
    }


def write_gguf(path: Path) -> None:
    """Write the file that llama.cpp loads."""
    import gguf

    numbers = vocabulary()
    embedding, output = weights(numbers)
    kinds = gguf.TokenType
    names = byte_names()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_vocab_size(len(numbers))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(numbers))
    writer.add_token_types(
        [
            int(kinds.CONTROL if t in CONTROLS else kinds.USER_DEFINED if t in MARKS else kinds.NORMAL)
            for t in numbers
        ]
    )
    writer.add_token_merges([f"{names[ord(' ')]} {names[ord('a')]}"])  # at least one is required
    writer.add_eos_token_id(numbers[END])
    writer.add_bos_token_id(numbers["<|im_start|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    writer.add_tensor("token_embd.weight", embedding)
    for number in range(LAYERS):
        for name, tensor in layer().items():
            writer.add_tensor(f"blk.{number}.{name}.weight", tensor)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# Hugging Face's names for the tensors of a layer.
HF_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def write_hf(folder: Path) -> None:
    """Write the folder that mlx-lm and transformers load."""
    from safetensors.numpy import save_file
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    numbers = vocabulary()
    embedding, output = weights(numbers)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "model.embed_tokens.weight": embedding,
        "lm_head.weight": output,
        "model.norm.weight": np.ones(WIDTH, np.float32),
    }
    for number in range(LAYERS):
        for name, tensor in layer().items():
            tensors[f"model.layers.{number}.{HF_NAMES[name]}.weight"] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    # Marks and controls are last, so add_tokens assigns the numbers in `numbers`.
    plain = {token: number for token, number in numbers.items() if token not in MARKS + CONTROLS}
    tokenizer = Tokenizer(models.BPE(vocab=plain, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in MARKS])
    tokenizer.add_special_tokens(list(CONTROLS))
    tokenizer.save(str(folder / "tokenizer.json"))

    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(numbers),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 1,
        "head_dim": HEAD_WIDTH,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "torch_dtype": "float32",
        "eos_token_id": numbers[END],
        "bos_token_id": numbers["<|im_start|>"],
    }
    tokens = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    }
    generation = {"do_sample": True, "temperature": 1.0, "eos_token_id": numbers[END]}
    for name, content in (
        ("config", config),
        ("tokenizer_config", tokens),
        ("generation_config", generation),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    {"gguf": write_gguf, "hf": write_hf}[sys.argv[1]](Path(sys.argv[2]))
