"""PyTorch on CPU, eager: attention (naive and SDPA), decoding, matrix products. As in ../tfjs/*.ts."""
import math
import time

import torch
import torch.nn.functional as F
from inputs import noise


def tensor(shape, seed, scale=1.0):
    return torch.from_numpy(noise(shape, seed, scale))


def mean_size(x):
    return float(x.detach().abs().mean())


def naive_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]))
    if mask is not None:
        scores = scores + mask
    return torch.softmax(scores, -1) @ v


def causal_mask(T):
    return torch.full((T, T), -1e9).triu(1)


def attention(case, naive):
    T, H, D = case["T"], case["H"], case["D"]
    inputs = [tensor((1, T, H, D), seed, scale).transpose(1, 2).contiguous() for seed, scale in ((0, 2), (1, 2), (2, 1), (3, 1))]
    q, k, v = (x.requires_grad_() for x in inputs[:3])
    d_out = inputs[3]
    mask = causal_mask(T) if naive else None
    checks = []

    def run():
        q.grad = k.grad = v.grad = None
        began = time.perf_counter()
        out = naive_attention(q, k, v, mask) if naive else F.scaled_dot_product_attention(q, k, v, is_causal=True)
        forward = time.perf_counter()
        out.backward(d_out)
        end = time.perf_counter()
        if not checks:
            checks.extend(mean_size(x) for x in (out, q.grad, k.grad, v.grad))
        return {"forward": (forward - began) * 1e3, "backward": (end - forward) * 1e3, "forward + backward": (end - began) * 1e3}

    return run, lambda: checks


@torch.no_grad()
def decode(case, naive):
    S, H, K, D = case["S"], case["H"], case["K"], case["D"]
    query = tensor((1, H, 1, D), 0, 4)
    key, value = (tensor((1, S, K, D), seed).transpose(1, 2).contiguous() for seed in (1, 2))

    def attend():
        if naive:
            return naive_attention(query.reshape(1, K, H // K, D), key, value)
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=H != K)

    return timed_without_gradient(attend)


def matmul(case):
    a, b = tensor(case["a"], 0), tensor(case["b"], 1)
    left = a.transpose(-1, -2) if case["transposeA"] else a
    right = b.transpose(-1, -2) if case["transposeB"] else b
    return timed_without_gradient(lambda: torch.matmul(left, right))


def timed_without_gradient(compute):
    def run():
        with torch.no_grad():
            began = time.perf_counter()
            compute()
            return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: [mean_size(compute())]
