"""A Llama in eager PyTorch, of the same parameters and the same step as ../tfjs/step.ts."""
import time

import inputs
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint
from torch_works import causal_mask, naive_attention, tensor


def shapes(config):
    C, F_, V = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    H, K = config["num_attention_heads"], config["num_key_value_heads"]
    D = C // H
    block = {
        "input_layernorm": (C,),
        "self_attn.q_proj": (H * D, C),
        "self_attn.k_proj": (K * D, C),
        "self_attn.v_proj": (K * D, C),
        "self_attn.o_proj": (C, H * D),
        "post_attention_layernorm": (C,),
        "mlp.gate_proj": (F_, C),
        "mlp.up_proj": (F_, C),
        "mlp.down_proj": (C, F_),
    }
    layers = range(config["num_hidden_layers"])
    named = {f"model.layers.{i}.{part}.weight": shape for i in layers for part, shape in block.items()}
    head = {} if config["tie_word_embeddings"] else {"lm_head.weight": (V, C)}
    return {"model.embed_tokens.weight": (V, C), **named, "model.norm.weight": (C,), **head}


def step(case, naive):
    """With `rank`, low-rank updates of attention, norms and embeddings learn alone, and every layer is computed again for its gradient."""
    rank = case.get("rank")
    config, B, T = case["config"], case["batchSize"], case["T"]
    H, K, V = config["num_attention_heads"], config["num_key_value_heads"], config["vocab_size"]
    D = config["hidden_size"] // H
    sizes = shapes(config)
    make = lambda seed, shape: torch.ones(shape) if len(shape) == 1 else tensor(shape, seed, 0.05)
    w = {name: make(seed, sizes[name]).requires_grad_() for seed, name in enumerate(sorted(sizes))}
    if rank:
        for name, (rows, columns) in [(name, shape) for name, shape in sizes.items() if "self_attn" in name]:
            module = name.removesuffix(".weight")
            w[f"{module}.lora_A.weight"] = (torch.rand(rank, columns) * 0.1 - 0.05).requires_grad_()
            w[f"{module}.lora_B.weight"] = torch.zeros(rows, rank).requires_grad_()
        for name, x in w.items():
            x.requires_grad_("lora" in name or "norm" in name or "embed" in name)
    learning = [x for x in w.values() if x.requires_grad]
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    mask = causal_mask(T) if naive else None
    angles = torch.outer(torch.arange(T), 10000.0 ** (-torch.arange(0, D, 2) / D))
    cos, sin = angles.cos(), angles.sin()
    matrices = [x for x in learning if x.dim() > 1]
    vectors = [x for x in learning if x.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)

    def rope(x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def block(x, name):
        def linear(h, part):
            module = f"{name}.{part}"
            A, B = w.get(f"{module}.lora_A.weight"), w.get(f"{module}.lora_B.weight")
            out = F.linear(h, w[f"{module}.weight"])
            return out if A is None else out + 2 * F.linear(F.linear(h, A), B)

        split = lambda h, heads: h.view(B, T, heads, D).transpose(1, 2)
        norm = lambda h, part: F.rms_norm(h, h.shape[-1:], w[f"{name}.{part}.weight"], 1e-6)
        h = norm(x, "input_layernorm")
        q, k = rope(split(linear(h, "self_attn.q_proj"), H)), rope(split(linear(h, "self_attn.k_proj"), K))
        v = split(linear(h, "self_attn.v_proj"), K)
        if naive:
            k, v = (t.repeat_interleave(H // K, 1) if K < H else t for t in (k, v))
            out = naive_attention(q, k, v, mask)
        else:
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=K < H)
        x = x + linear(out.transpose(1, 2).reshape(B, T, H * D), "self_attn.o_proj")
        h = norm(x, "post_attention_layernorm")
        return x + linear(F.silu(linear(h, "mlp.gate_proj")) * linear(h, "mlp.up_proj"), "mlp.down_proj")

    def mean_loss(x, targets):
        if not rank:
            return F.cross_entropy(F.linear(x, head), targets)
        # long rows: logits of 2,048 tokens at a time, for all of them would not fit
        some = lambda x, targets: F.cross_entropy(F.linear(x, head), targets, reduction="sum")
        parts = [checkpoint(some, *part, use_reentrant=False) for part in zip(x.split(2048), targets.split(2048))]
        return torch.stack(parts).sum() / len(targets)

    losses = []

    def run():
        tokens = torch.from_numpy(inputs.tokens((B, T), 1000 + len(losses), V))
        began = time.perf_counter()
        x = F.embedding(tokens, w["model.embed_tokens.weight"])
        for i in range(config["num_hidden_layers"]):
            name = f"model.layers.{i}"
            x = checkpoint(block, x, name, use_reentrant=False) if rank else block(x, name)
        x = F.rms_norm(x, x.shape[-1:], w["model.norm.weight"], 1e-6)[:, :-1]
        loss = mean_loss(x.reshape(-1, x.shape[-1]), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        losses.append(loss.item())
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: losses[:1]
