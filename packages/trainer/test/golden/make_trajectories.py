"""Writes trajectories.json: 200 steps of small trainings as PyTorch does them. Run: python make_trajectories.py > trajectories.json

The model is `y = tanh(x·W₁ + b)·W₂` on numbers from a generator that the test repeats; the loss is the mean over a batch.
"""
import json
import math
import torch

torch.set_num_threads(1)
STEPS = 200


class Numbers:
    """Numbers in (−1, 1) from one integer of state; as test/support.ts."""

    def __init__(self, seed):
        self.state = seed

    def tensor(self, *shape):
        values = []
        for _ in range(math.prod(shape)):
            self.state = (self.state * 1664525 + 1013904223) % 2**32
            values.append(self.state / 2**31 - 1)
        return torch.tensor(values, dtype=torch.float32).reshape(shape)


def cosine(step, peak=0.05, warmup=20, floor=0.005):
    """Linear warm-up, then cosine to the floor; cosine-schedule's formula."""
    if step < warmup:
        return peak * step / warmup
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * (step - warmup) / (STEPS - warmup)))


def run(make_optimizer, micro=(12,), clip=1.0, lora=None):
    """`micro`: rows of each micro-batch; gradients are weighted by them. `lora`: rank of adapters on W₁; then only they learn."""
    params = {name: Numbers(seed).tensor(*shape) for seed, (name, shape) in enumerate({"w1": (4, 6), "b": (6,), "w2": (6, 2)}.items(), 1)}
    if lora:
        adapters = {"a": Numbers(11).tensor(4, lora), "c": torch.zeros(lora, 6)}
    learning = adapters if lora else params
    for p in learning.values():
        p.requires_grad_(True)
    optimizer = make_optimizer([{"params": [p], "weight_decay": 0.1 if p.dim() > 1 else 0.0} for p in learning.values()])
    data, losses, norms = Numbers(7), [], []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = cosine(step)
        optimizer.zero_grad()
        total = 0.0
        for rows in micro:
            x, y = data.tensor(rows, 4), data.tensor(rows, 2)
            w1 = params["w1"] + adapters["a"] @ adapters["c"] if lora else params["w1"]
            loss = ((torch.tanh(x @ w1 + params["b"]) @ params["w2"] - y) ** 2).mean()
            (loss * rows / sum(micro)).backward()
            total += loss.item() * rows / sum(micro)
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(learning.values()), clip)))
        optimizer.step()
        losses.append(total)
    return {"losses": losses, "norms": norms, "params": {name: p.detach().double().flatten().tolist() for name, p in learning.items()}}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


adamw = lambda groups: torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8)
print(json.dumps(rounded({
    "made": f"torch {torch.__version__}, float32, CPU",
    "adamw": run(adamw),
    "accumulation": run(adamw, micro=(7, 1, 4)),
    "clip": run(adamw, clip=0.05),
    "lora": run(adamw, lora=2),
    "momentum": run(lambda groups: torch.optim.SGD(groups, lr=0.0, momentum=0.9)),
    "nesterov": run(lambda groups: torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)),
    "adafactor": run(lambda groups: torch.optim.Adafactor(groups)),
})))
