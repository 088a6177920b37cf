"""Writes torch.json: the fused ops and their gradients as PyTorch computes them in float64. Run: python make.py > torch.json"""
import json
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def drawn(*shape, scale=1.0):
    """Numbers that float32 holds exactly."""
    return (torch.randn(*shape) * scale).float().double().requires_grad_()


def flat(t):
    return [float(f"{x:.9g}") for x in t.detach().flatten()]


def case(inputs, output, cotangent, **rest):
    """Inputs, output, and gradients of the inputs that have one."""
    output.backward(cotangent)
    return {
        **rest,
        "inputs": {name: {"shape": list(t.shape), "values": flat(t)} for name, t in inputs.items()},
        "output": flat(output),
        "cotangent": flat(cotangent),
        "gradients": {name: flat(t.grad) for name, t in inputs.items() if t.grad is not None},
    }


def rms_norm():
    x, weight = drawn(3, 5, 24), drawn(24)
    return case({"x": x, "weight": weight}, torch.nn.functional.rms_norm(x, (24,), weight, eps=1e-5), drawn(3, 5, 24).detach())


def swi_glu():
    gate, up = drawn(4, 33, scale=3), drawn(4, 33)
    return case({"gate": gate, "up": up}, torch.nn.functional.silu(gate) * up, drawn(4, 33).detach())


def rope(layout):
    """Hugging Face's rotate_half, and the complex form of the paper."""
    B, T, H, D, base = 2, 7, 3, 8, 10000.0
    x = drawn(B, T, H, D)
    angles = torch.arange(T)[:, None] * base ** (-torch.arange(0, D, 2) / D)
    cos, sin = angles.cos().float().double().reshape(1, T, 1, D // 2), angles.sin().float().double().reshape(1, T, 1, D // 2)
    if layout == "half":
        a, b = x.chunk(2, dim=-1)
        y = x * torch.cat([cos, cos], -1) + torch.cat([-b, a], -1) * torch.cat([sin, sin], -1)
    else:
        turned = torch.view_as_complex(x.reshape(B, T, H, D // 2, 2)) * torch.complex(cos, sin)
        y = torch.view_as_real(turned).reshape(B, T, H, D)
    return case({"x": x, "cos": cos, "sin": sin}, y, drawn(B, T, H, D).detach(), layout=layout)


def cross_entropy(label_smoothing, z_loss, weighted):
    N, C, V = (280 if weighted else 40), 4, 19
    hidden, weight = drawn(N, C, scale=2), drawn(V, C)
    targets = torch.randint(V, (N,))
    weights = torch.ones(N)
    if weighted:
        weights = torch.rand(N).float().double()
        weights[torch.rand(N) < 0.5] = 0
        weights[64:200] = 0  # whole blocks of rows
    logits = hidden @ weight.T
    each = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=label_smoothing, reduction="none")
    each = each + z_loss * torch.logsumexp(logits, 1) ** 2
    loss = (each * weights).sum() / weights.sum()
    inputs = {"hidden": hidden, "weight": weight, "targets": targets, "weights": weights}
    return case(inputs, loss, torch.tensor(1.5), labelSmoothing=label_smoothing, zLoss=z_loss)


def clip(max_norm):
    gradients = [drawn(3, 4), drawn(5), drawn(1)]
    inputs = {str(i): {"shape": list(g.shape), "values": flat(g)} for i, g in enumerate(gradients)}
    for g in gradients:
        g.grad = g.detach().clone()
    norm = torch.nn.utils.clip_grad_norm_(gradients, max_norm)
    return {"maxNorm": max_norm, "inputs": inputs, "norm": float(norm), "clipped": [flat(g.grad) for g in gradients]}


print(json.dumps({
    "torch": torch.__version__,
    "rmsNorm": rms_norm(),
    "swiGlu": swi_glu(),
    "rope": [rope("half"), rope("interleaved")],
    "linearCrossEntropy": [cross_entropy(0, 0, False), cross_entropy(0, 0, True), cross_entropy(0.1, 1e-4, True), cross_entropy(0.3, 0.01, False)],
    "clip": [clip(1.0), clip(100.0)],
}))
