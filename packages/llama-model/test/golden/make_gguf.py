"""Quantised blocks and their values by llama.cpp's Python package, and what transformers computes with SmolLM2 out of its GGUF file.
Run: python make_gguf.py FOLDER-OF-THE-MODEL && pnpm fix        (pip install gguf numpy torch transformers; the model: bench/setup-models)
Library versions stand in the json. float32, CPU, eager attention."""
import base64
import importlib.metadata
import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize
from transformers import AutoModelForCausalLM, AutoTokenizer

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(0)
Types = gguf.GGMLQuantizationType
# where a block has its scales, which must be sane numbers; its other bytes may be any
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def blocks(name):
    """Blocks of random bits with 512 values."""
    values_per_block, size = gguf.GGML_QUANT_SIZES[Types[name]]
    data = rng.integers(0, 256, (512 // values_per_block, size), dtype=np.uint8)
    for at in SCALES[name]:
        data[:, at : at + 2] = rng.normal(0, 0.05, (len(data), 1)).astype(np.float16).view(np.uint8)
    values = dequantize(data, Types[name])
    assert values.dtype == np.float32
    return {"blocks": base64.b64encode(data.tobytes()).decode(), "values": base64.b64encode(values.tobytes()).decode()}


def quantised(name):
    """Numbers, some of them halfway between two steps, and the block that llama.cpp makes of them."""
    values = rng.normal(0, 1, (3, 32)).astype(np.float32)
    values[1] = np.arange(32) - 15.5
    values[1, 0] = 127
    values[2] = 0
    data = quantize(values, Types[name])
    return {"values": base64.b64encode(values.tobytes()).decode(), "blocks": base64.b64encode(data.tobytes()).decode()}


def smollm2(folder):
    file = "SmolLM2-135M-Instruct.Q4_1.gguf"
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, attn_implementation="eager", dtype=torch.float32).eval()
    text = "The capital of France is Paris. The capital of Italy is"
    tokens = tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(tokens).logits[0]
        out = model.generate(tokens, max_new_tokens=8, do_sample=False)
    texts = ["In 1984, I've 12 cats!\n\n  Ünïcödé 漢字 🙂", text]
    return {
        "text": text,
        "tokens": tokens[0].tolist(),
        "ids": list(range(0, logits.shape[1], 499)),
        "logits": [[float(f"{x:.8g}") for x in row[::499]] for row in logits.tolist()],
        "logSumExp": [float(f"{x:.8g}") for x in torch.logsumexp(logits.double(), -1).tolist()],
        "greedy": out[0, tokens.shape[1] :].tolist(),
        "encoded": {t: tokenizer(t).input_ids for t in texts},
        "chat": tokenizer.apply_chat_template([{"role": "user", "content": "Name three metals."}], tokenize=False, add_generation_prompt=True),
    }


versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("gguf", "torch", "transformers"))
result = {
    "made": f"{versions}, float32, CPU, eager attention",
    "dequantised": {name: blocks(name) for name in SCALES},
    "quantised": {"Q8_0": quantised("Q8_0")},
    "smollm2": smollm2(sys.argv[1]),
}
(here / "gguf.json").write_text(json.dumps(result) + "\n")
