"""Writes torch.json: AdamW and gradient clipping as PyTorch computes them. Run: python make.py > torch.json"""
import json
import torch

torch.manual_seed(0)
torch.set_num_threads(1)


def flat(t):
    return [float(x) for x in t.detach().double().flatten()]


def adamw(settings, rates, scale):
    """A matrix and a vector over len(rates) steps; gradients are drawn, so the test needs no model. One `rates` entry per step."""
    params = [torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(5))]
    optimizer = torch.optim.AdamW(params, lr=0.0, foreach=False, fused=False, **settings)
    steps = []
    start = [flat(p) for p in params]
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
        for p in params:
            p.grad = torch.randn_like(p) * scale
        gradients = [flat(p.grad) for p in params]
        optimizer.step()
        state = [optimizer.state[p] for p in params]
        steps.append({
            "learningRate": rate,
            "gradients": gradients,
            "params": [flat(p) for p in params],
            "moment1": [flat(s["exp_avg"]) for s in state],
            "moment2": [flat(s["exp_avg_sq"]) for s in state],
        })
    betas = settings["betas"]
    options = {"beta1": betas[0], "beta2": betas[1], "epsilon": settings["eps"], "weightDecay": settings["weight_decay"]}
    return {"options": options, "start": start, "steps": steps}


def clip(max_norm, scale):
    params = [torch.nn.Parameter(torch.zeros(3, 4)), torch.nn.Parameter(torch.zeros(5)), torch.nn.Parameter(torch.zeros(()))]
    for p in params:
        p.grad = torch.randn_like(p) * scale
    gradients = [flat(p.grad) for p in params]
    norm = torch.nn.utils.clip_grad_norm_(params, max_norm, foreach=False)
    return {"clipNorm": max_norm, "gradients": gradients, "norm": float(norm), "clipped": [flat(p.grad) for p in params]}


print(json.dumps({
    "made": f"torch {torch.__version__}, float32, CPU, seed 0",
    "shapes": [[3, 4], [5]],
    "clipShapes": [[3, 4], [5], []],
    "adamw": [
        adamw({"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}, [0.0, 1e-3, 3e-3, 3e-3, 2e-3, 1e-3, 1e-4], 1.0),
        adamw({"betas": (0.8, 0.999), "eps": 1e-5, "weight_decay": 0.0}, [1e-2] * 5, 1e-3),
        adamw({"betas": (0.0, 0.5), "eps": 1e-3, "weight_decay": 0.5}, [1e-1] * 4, 100.0),
    ],
    "clip": [clip(1.0, 1.0), clip(1.0, 1e-3), clip(0.1, 50.0), clip(5.0, 1.0)],
}, indent=1))
