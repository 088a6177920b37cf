"""Generation by a Llama in eager PyTorch, with a cache of keys and values that is preallocated; of the same parameters as ../tfjs/generate.ts."""
import time

import inputs
import torch
import torch.nn.functional as F
from llama import shapes
from torch_works import tensor


class Model:
    def __init__(self, config, room):
        self.config, sizes = config, shapes(config)
        make = lambda seed, shape: torch.ones(shape) if len(shape) == 1 else tensor(shape, seed, 0.05)
        self.w = {name: make(seed, sizes[name]) for seed, name in enumerate(sorted(sizes))}
        self.H, self.K = config["num_attention_heads"], config["num_key_value_heads"]
        self.D = config["hidden_size"] // self.H
        frequencies = 10000.0 ** (-torch.arange(0, self.D, 2, dtype=torch.float64) / self.D)
        angles = torch.outer(torch.arange(room, dtype=torch.float64), frequencies)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()
        self.cache = torch.zeros(config["num_hidden_layers"], 2, 1, self.K, room, self.D)
        self.length = 0

    @torch.inference_mode()
    def logits(self, tokens):
        T, first, w = len(tokens), self.length, self.w
        cos, sin = self.cos[first : first + T], self.sin[first : first + T]

        def rope(x):
            a, b = x.chunk(2, -1)
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

        x = F.embedding(torch.tensor([tokens]), w["model.embed_tokens.weight"])
        for i in range(self.config["num_hidden_layers"]):
            linear = lambda h, part: F.linear(h, w[f"model.layers.{i}.{part}.weight"])
            split = lambda h, heads: h.view(1, T, heads, self.D).transpose(1, 2)
            norm = lambda h, part: F.rms_norm(h, h.shape[-1:], w[f"model.layers.{i}.{part}.weight"], 1e-6)
            h = norm(x, "input_layernorm")
            q = rope(split(linear(h, "self_attn.q_proj"), self.H))
            key, value = self.cache[i]
            key[:, :, first : first + T] = rope(split(linear(h, "self_attn.k_proj"), self.K))
            value[:, :, first : first + T] = split(linear(h, "self_attn.v_proj"), self.K)
            seen = slice(0, first + T)
            out = F.scaled_dot_product_attention(q, key[:, :, seen], value[:, :, seen], is_causal=T > 1, enable_gqa=True)
            x = x + linear(out.transpose(1, 2).reshape(1, T, -1), "self_attn.o_proj")
            h = norm(x, "post_attention_layernorm")
            x = x + linear(F.silu(linear(h, "mlp.gate_proj")) * linear(h, "mlp.up_proj"), "mlp.down_proj")
        self.length += T
        x = F.rms_norm(x[0, -1], x.shape[-1:], w["model.norm.weight"], 1e-6)
        return F.linear(x, w["model.embed_tokens.weight"])


def prompt(case):
    return inputs.tokens((case["T"],), 1000, case["config"]["vocab_size"]).tolist()


def prefill(case):
    model, tokens, found = Model(case["config"], case["T"]), prompt(case), []

    def run():
        began = time.perf_counter()
        model.length = 0
        found.append(model.logits(tokens).log_softmax(-1).max().item())
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: found[:1]


def token(case):
    model = Model(case["config"], case["T"] + 10_000)
    first = model.logits(prompt(case)).log_softmax(-1)
    last = [first.argmax().item()]

    def run():
        began = time.perf_counter()
        last[0] = model.logits(last).argmax().item()
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: [first.max().item()]
