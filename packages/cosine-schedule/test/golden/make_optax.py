"""Writes optax.json: schedules as optax computes them. Run: python make_optax.py > optax.json"""
import json

import jax
import optax

jax.config.update("jax_enable_x64", True)

cases = []


def case(reference, schedule, options, made, steps):
    # without warm-up optax counts in the dtype of the step, so it is given a float
    cases.append({"reference": reference, "schedule": schedule, "options": options, "rates": [float(made(float(s))) for s in range(steps)]})


for warmup, total, peak, floor in [(5, 30, 3e-4, 3e-5), (1, 12, 2e-5, 0.0), (10, 40, 1.0, 0.5)]:
    options = {"peak": peak, "warmupSteps": warmup, "totalSteps": total, "floor": floor}
    case("optax warmup_cosine_decay_schedule (decay_steps includes the warm-up)", "cosine", options,
         optax.warmup_cosine_decay_schedule(0.0, peak, warmup, total, floor), total + 4)
    case("optax warmup_constant_schedule", "constant", {"peak": peak, "warmupSteps": warmup}, optax.warmup_constant_schedule(0.0, peak, warmup), total)
    case("optax linear_schedule joined to linear_schedule", "linear", options, optax.join_schedules(
        [optax.linear_schedule(0.0, peak, warmup), optax.linear_schedule(peak, floor, total - warmup)], [warmup]), total + 4)
case("optax cosine_decay_schedule", "cosine", {"peak": 1e-3, "totalSteps": 20, "floor": 1e-4}, optax.cosine_decay_schedule(1e-3, 20, alpha=0.1), 24)

pieces = [{"peak": 1e-3, "warmupSteps": 2, "totalSteps": 8, "floor": 1e-4}, {"peak": 5e-4, "warmupSteps": 3, "totalSteps": 12, "floor": 0.0},
          {"peak": 2e-4, "warmupSteps": 1, "totalSteps": 9, "floor": 1e-5}]
sgdr = optax.sgdr_schedule([{"init_value": 0.0, "peak_value": p["peak"], "warmup_steps": p["warmupSteps"], "decay_steps": p["totalSteps"],
                             "end_value": p["floor"]} for p in pieces])
print(json.dumps({
    "made": f"optax {optax.__version__}, jax {jax.__version__}, float64",
    "cases": cases,
    "sgdr": {"pieces": pieces, "boundaries": [8, 20], "rates": [float(sgdr(float(s))) for s in range(34)]},
}))
