"""Opens the folders that savePretrained wrote (save.ts) with transformers, and writes what it computes with them to transformers.json;
and a folder as transformers itself saves it, transformers-5/.
Run: npx tsx --conditions=@repo/source save.ts FOLDER && python make.py FOLDER && pnpm fix
Library versions stand in the json. float32, CPU, eager attention."""
import hashlib
import json
import pathlib
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

here = pathlib.Path(__file__).parent
source = pathlib.Path(sys.argv[1])
inputs = json.loads((source / "inputs.json").read_text())
torch.set_num_threads(1)


def numbers(t):
    return [float(f"{x:.8g}") for x in t.detach().double().flatten()]


def probe(length):
    return torch.tensor([(i * 37) % 11 - 5 for i in range(length)], dtype=torch.float64)


def gradients(model):
    """Two numbers for each parameter: its gradient's norm, and its product with a fixed pattern."""
    result = {}
    for name, p in model.named_parameters():
        g = p.grad.double().flatten()
        result[name] = [float(f"{g.norm():.8g}"), float(f"{g @ probe(len(g)):.8g}")]
    return result


def nll(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="none").view(tokens.shape[0], -1)


KEYS = """model_type vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim
max_position_embeddings rms_norm_eps tie_word_embeddings initializer_range bos_token_id eos_token_id attention_bias mlp_bias sliding_window
use_sliding_window layer_types no_rope_layers rope_parameters""".split()


def load(name):
    model, info = AutoModelForCausalLM.from_pretrained(
        source / name, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
    )
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return model.eval()


def sha256(name):
    files = sorted(p for p in (source / name).iterdir())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def case(name):
    model = load(name)
    tokens = torch.tensor(inputs["tokens"][name])
    logits = model(tokens).logits
    losses = nll(logits, tokens)
    losses.mean().backward()
    torch.testing.assert_close(model(tokens, labels=tokens).loss, losses.mean())
    config = {k: v for k, v in model.config.to_dict().items() if k in KEYS}  # in the spelling of version 5
    result = {"files": sha256(name), "config": config, "logits": numbers(logits[0]), "loss": losses.mean().item(), "gradients": gradients(model)}
    if name != "dynamic":  # transformers turns cached keys and new queries at different speeds there
        out = model.generate(tokens[:1], max_new_tokens=16, do_sample=False, eos_token_id=None, pad_token_id=0)
        result["greedy"] = out[0, tokens.shape[1] :].tolist()
    return result


def packed_row():
    """Documents of one row by a block-diagonal mask and restarting positions, with a weight for every token's loss."""
    model = load("plain")
    documents, weights = inputs["packed"]["documents"], inputs["packed"]["lossWeights"]
    tokens = torch.tensor([sum(documents, [])])
    ids = torch.tensor(sum(([i] * len(d) for i, d in enumerate(documents)), []))
    positions = torch.tensor([sum((list(range(len(d))) for d in documents), [])])
    mask = (ids[:, None] == ids[None, :]) & torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
    additive = torch.zeros(1, 1, *mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    logits = model(tokens, attention_mask=additive, position_ids=positions).logits
    separate = torch.cat([model(torch.tensor([d])).logits for d in documents], 1)
    torch.testing.assert_close(logits, separate)
    losses, own = [], []
    for document, w in zip(documents, weights):
        t = torch.tensor([document])
        own.append(nll(model(t).logits, t)[0])
        losses.append((own[-1] * torch.tensor(w[1:])).sum())
    loss = sum(losses) / sum(sum(w[1:]) for w in weights)
    loss.backward()
    return {"tokenLosses": [numbers(x) for x in own], "loss": loss.item(), "gradients": gradients(model)}


def half(type):
    values = torch.tensor(
        [0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 65504.0, 65519.0, 65520.0, 1e6, 6.1e-5, 6.0e-5, 5.96e-8, 2.98e-8, 2.9e-8, 3.0e-8, 8.94e-8]
        + [1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 3.4e38, -1e-40, 2047.5, 2048.5, float("inf"), -float("inf")],
        dtype=torch.float32,
    )
    stored = values.to(type)
    return {
        "values": [v if abs(v) != float("inf") else str(v) for v in values.double().tolist()],
        "back": [v if abs(v) != float("inf") else str(v) for v in stored.double().tolist()],
    }


def saved_by_transformers():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=24, hidden_size=12, intermediate_size=20, num_hidden_layers=1, num_attention_heads=3, num_key_value_heads=1,
        max_position_embeddings=64, rope_theta=500000.0, initializer_range=0.4, tie_word_embeddings=True, rms_norm_eps=1e-5,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager").to(torch.bfloat16)
    model.save_pretrained(here / "transformers-5", max_shard_size="1KB")
    tokens = torch.tensor([[1, 5, 9, 13, 17, 21, 2, 6, 10]])
    model = LlamaForCausalLM.from_pretrained(here / "transformers-5", attn_implementation="eager", dtype=torch.float32)
    logits = model(tokens).logits
    return {"tokens": tokens.tolist(), "logits": numbers(logits)}


result = {
    "made": f"transformers {transformers.__version__}, torch {torch.__version__}, float32, CPU, eager attention",
    "cases": {name: case(name) for name in inputs["tokens"]},
    "packed": packed_row(),
    "half": {"float16": half(torch.float16), "bfloat16": half(torch.bfloat16)},
    "saved": saved_by_transformers(),
}
(here / "transformers.json").write_text(json.dumps(result) + "\n")
