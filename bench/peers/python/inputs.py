"""The same numbers as bench/inputs.ts."""
import numpy as np


def noise(shape, seed, scale=1.0):
    size = int(np.prod(shape))
    with np.errstate(over="ignore"):
        h = np.arange(1, size + 1, dtype=np.uint32) * np.uint32(0x9E3779B1)
        h += np.uint32(((seed + 1) * 0x85EBCA6B) & 0xFFFFFFFF)
        h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
        h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
        h ^= h >> np.uint32(15)
    return ((h.astype(np.float64) / 2**31 - 1) * scale).astype(np.float32).reshape(shape)
