"""Writes bins.json: bins as prtpy packs them, and the least number there can be. Run: python make_bins.py > bins.json"""
import json
import random
from importlib.metadata import version

import prtpy
from prtpy.packing import best_fit, first_fit
from prtpy.packing.bin_completion import bin_completion

random.seed(0)


def loads(algorithm, lengths, capacity):
    return [int(load) for load in prtpy.pack(algorithm, capacity, lengths, outputtype=prtpy.out.Sums)]


cases = []
for i in range(40):
    capacity = random.choice([10, 16, 50, 100])
    least = 1 if i % 2 else capacity // 5  # without small lengths the greedy ways miss the optimum more often
    lengths = [random.randint(least, random.choice([capacity // 2, capacity])) for _ in range(random.randint(1, 18))]
    cases.append({
        "capacity": capacity,
        "lengths": lengths,
        "first-fit": loads(first_fit.online, lengths, capacity),
        "best-fit": loads(best_fit.online, lengths, capacity),
        "first-fit-decreasing": loads(first_fit.decreasing, lengths, capacity),
        "best-fit-decreasing": loads(best_fit.decreasing, lengths, capacity),
        "optimum": len(loads(bin_completion, lengths, capacity)),
    })
print(json.dumps({"made": f"prtpy {version('prtpy')}", "cases": cases}))
