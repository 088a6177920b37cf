"""Writes torch.json: attention and its gradients as PyTorch computes them, in float64. Run: python make.py > torch.json

Inputs are those of makeInputs in ../support/cases.ts, so the file holds results only.
"""
import json
import struct

import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def uniform(seed, length, size=1.0):
    """mulberry32, as ../support/cases.ts has it; rounded to float32."""
    state, numbers, mask = seed, [], 0xFFFFFFFF
    for _ in range(length):
        state = (state + 0x6D2B79F5) & mask
        z = ((state ^ (state >> 15)) * (state | 1)) & mask
        z ^= (z + (((z ^ (z >> 7)) * (z | 61)) & mask)) & mask
        number = size * (((z ^ (z >> 14)) & mask) / 2**31 - 1)
        numbers.append(struct.unpack("f", struct.pack("f", number))[0])
    return numbers


def visible(B, T, S, causal=False, window=0, ids=None, **_):
    """bool [B, 1, T, S]"""
    distance = torch.arange(T)[:, None] + S - T - torch.arange(S)[None, :]
    seen = torch.ones(B, T, S, dtype=torch.bool)
    if causal:
        seen &= distance >= 0
    if window:
        seen &= distance.abs() < window
    if ids is not None:
        ids = torch.tensor(ids).reshape(B, T)
        seen &= (ids[:, :, None] == ids[:, None, :]) & (ids[:, :, None] != 0)
    return seen[:, None]


def attend(q, k, v, problem, scale):
    """[B, heads, length, D]. PyTorch's own function where it has the option, else its softmax."""
    seen = visible(**problem)
    softcap = problem.get("softcap")
    if softcap is None:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale, enable_gqa=True)
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = softcap * torch.tanh(q @ k.transpose(2, 3) * scale / softcap)
    return torch.softmax(scores.masked_fill(~seen, -torch.inf), -1) @ v


def result(problem, seed):
    B, T, S, H, K, D = (problem[name] for name in "BTSHKD")
    def tensor(numbers, length, heads):
        x = torch.tensor(numbers, dtype=torch.float64).reshape(B, length, heads, D).transpose(1, 2)
        return x.contiguous().requires_grad_()
    q = tensor(uniform(seed, B * T * H * D, 3), T, H)
    k = tensor(uniform(seed + 1, B * S * K * D), S, K)
    v = tensor(uniform(seed + 2, B * S * K * D), S, K)
    d_out = tensor(uniform(seed + 3, B * T * H * D), T, H).detach()
    out = attend(q, k, v, problem, problem.get("scale", D**-0.5))
    grads = torch.autograd.grad(out, (q, k, v), d_out)
    def flat(x):
        return [float(f"{number:.8g}") for number in x.detach().transpose(1, 2).flatten().tolist()]
    return {name: flat(x) for name, x in zip(("out", "dQuery", "dKey", "dValue"), (out, *grads))}


ids = [1, 1, 1, 2, 2, 2, 2, 3, 3, 1, 2, 2, 2, 2, 2, 2, 3, 3]  # two rows of 9
cases = {
    "all keys": dict(B=1, T=5, S=5, H=2, K=2, D=8),
    "causal, heads that share keys": dict(B=1, T=6, S=6, H=4, K=2, D=8, causal=True),
    "fewer queries than keys": dict(B=1, T=3, S=7, H=2, K=1, D=8, causal=True, scale=0.7),
    "window": dict(B=1, T=9, S=9, H=2, K=1, D=8, causal=True, window=3),
    "softcap": dict(B=1, T=6, S=6, H=2, K=1, D=8, causal=True, softcap=1.5),
    "segments, window, softcap": dict(B=2, T=9, S=9, H=2, K=1, D=8, causal=True, window=5, softcap=2.0, ids=ids),
}
print(json.dumps({"torch": torch.__version__, "cases": {name: {"problem": p, **result(p, 7)} for name, p in cases.items()}}))
