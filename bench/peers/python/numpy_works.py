"""NumPy: matrix products, on the BLAS it brings along."""
import time

import numpy as np
from inputs import noise


def matmul(case):
    a, b = noise(case["a"], 0), noise(case["b"], 1)
    left = np.swapaxes(a, -1, -2) if case["transposeA"] else a
    right = np.swapaxes(b, -1, -2) if case["transposeB"] else b

    def run():
        began = time.perf_counter()
        np.matmul(left, right)
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: [float(np.abs(np.matmul(left, right)).mean())]
