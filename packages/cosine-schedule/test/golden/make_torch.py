"""Writes torch.json: schedules as PyTorch and Hugging Face compute them. Run: python make_torch.py > torch.json"""
import json
import warnings

import torch
import transformers
from torch.optim import lr_scheduler as torch_schedules
from transformers import optimization as hf

warnings.simplefilter("ignore")  # the rates are read without training steps in between


def rates(peak, make, steps):
    """The rate of step 0, 1, … as an optimizer sees it, float64."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = make(optimizer)
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


cases = []


def case(reference, schedule, options, make, steps, since=0):
    """`since`: the first step at which the two conventions agree."""
    cases.append({"reference": reference, "schedule": schedule, "options": options, "since": since, "rates": rates(options["peak"], make, steps)})


for warmup, total, peak in [(0, 20, 1e-3), (5, 30, 3e-4), (1, 12, 2e-5), (7, 7, 1.0)]:
    base = {"peak": peak, "warmupSteps": warmup, "totalSteps": total}
    # transformers' cosine rises again beyond the end, and where the warm-up leaves nothing to decay it ends at the peak
    end = total + 1 if warmup < total else total
    case("transformers get_cosine_schedule_with_warmup", "cosine", base,
         lambda o: hf.get_cosine_schedule_with_warmup(o, warmup, total), end)
    case("transformers get_linear_schedule_with_warmup", "linear", base,
         lambda o: hf.get_linear_schedule_with_warmup(o, warmup, total), total + 4)
    case("transformers get_constant_schedule_with_warmup", "constant", {"peak": peak, "warmupSteps": warmup},
         lambda o: hf.get_constant_schedule_with_warmup(o, warmup), total)
    case("transformers get_inverse_sqrt_schedule", "inverseSquareRoot", {"peak": peak, "warmupSteps": warmup},
         lambda o: hf.get_inverse_sqrt_schedule(o, warmup), total + 4)
    if warmup < total:
        case("transformers get_cosine_with_min_lr_schedule_with_warmup", "cosine", {**base, "floor": peak / 10},
             lambda o: hf.get_cosine_with_min_lr_schedule_with_warmup(o, warmup, total, min_lr=peak / 10), total + 1)
        for cycles in (1, 2, 3):
            case("transformers get_cosine_with_hard_restarts_schedule_with_warmup", "cosineRestarts", {**base, "numCycles": cycles},
                 lambda o: hf.get_cosine_with_hard_restarts_schedule_with_warmup(o, warmup, total, cycles), total + 4)

case("transformers get_inverse_sqrt_schedule", "inverseSquareRoot", {"peak": 1e-2, "warmupSteps": 4, "timescale": 9},
     lambda o: hf.get_inverse_sqrt_schedule(o, 4, timescale=9), 24)
for decay in ("linear", "cosine", "1-sqrt"):
    for warmup, floor in ((4, 0.0), (0, 0.1)):  # with a floor, transformers warms up from the floor, here from 0
        case("transformers get_wsd_schedule", "warmupStableDecay",
             {"peak": 1e-3, "warmupSteps": warmup, "totalSteps": 24, "decaySteps": 8, "decay": decay, "floor": floor * 1e-3},
             lambda o: hf.get_wsd_schedule(o, warmup, 8, num_training_steps=24, decay_type=decay, min_lr_ratio=floor), 28)

case("torch CosineAnnealingLR", "cosine", {"peak": 1e-3, "totalSteps": 20, "floor": 1e-5},
     lambda o: torch_schedules.CosineAnnealingLR(o, T_max=20, eta_min=1e-5), 21)  # beyond T_max torch rises again
case("torch CosineAnnealingWarmRestarts", "cosineRestarts", {"peak": 1e-3, "totalSteps": 30, "numCycles": 3, "floor": 1e-5},
     lambda o: torch_schedules.CosineAnnealingWarmRestarts(o, T_0=10, eta_min=1e-5), 30)  # torch never stops restarting
case("torch OneCycleLR, linear: its last step is totalSteps here, so one step more", "linear", {"peak": 1e-2, "warmupSteps": 9, "totalSteps": 39},
     lambda o: torch_schedules.OneCycleLR(o, 1e-2, total_steps=40, pct_start=0.25, anneal_strategy="linear", div_factor=1e15, final_div_factor=1e9), 40)
case("torch OneCycleLR, cosine: its warm-up is a cosine too, so from the peak on", "cosine", {"peak": 1e-2, "warmupSteps": 9, "totalSteps": 39},
     lambda o: torch_schedules.OneCycleLR(o, 1e-2, total_steps=40, pct_start=0.25, div_factor=1e15, final_div_factor=1e9), 40, since=9)


def growing(o):
    return torch_schedules.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=1e-5)


def sequence(o):
    linear = torch_schedules.LinearLR(o, start_factor=1e-300, total_iters=5)
    return torch_schedules.SequentialLR(o, [linear, torch_schedules.CosineAnnealingLR(o, T_max=20, eta_min=0)], milestones=[5])


def drift():
    """The cycles whose restart transformers misses by a step, because numCycles · (step / span) falls short of a whole number."""
    missed = []
    for cycles in range(1, 101):
        value = hf._get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda(1, num_warmup_steps=0, num_training_steps=cycles, num_cycles=cycles)
        if cycles > 1 and value < 0.5:
            missed.append(cycles)
    return missed


print(json.dumps({
    "made": f"torch {torch.__version__}, transformers {transformers.__version__}, float64",
    "cases": cases,
    "growingCycles": {"peak": 1e-3, "floor": 1e-5, "lengths": [4, 8, 16], "rates": rates(1e-3, growing, 28)},
    "sequentialLR": {"peak": 1e-3, "warmupSteps": 5, "totalSteps": 25, "rates": rates(1e-3, sequence, 26)},
    "missedRestarts": drift(),
}))
