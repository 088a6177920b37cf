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


def lengths_like_texts(count, row_length):
    block, lengths = 100_000, []
    for number in range(-(-count // block)):
        a, b, c = ((0.5 + 0.499999 * noise([block], 3 * number + seed).astype(np.float64)).astype(np.float32) for seed in range(3))
        a, b = a.astype(np.float64), b.astype(np.float64)
        normal = np.sqrt(-2 * np.log(a)) * np.cos(2 * np.pi * b)
        length = np.where(c < 0.05, 2000 * a ** (-1 / 1.2), np.exp(6.2 + 1.1 * normal))
        lengths.append(np.clip(np.floor(length + 0.5), 1, row_length))
    return np.concatenate(lengths)[:count].astype(np.int64)


def tokens(shape, seed, vocabulary):
    # in float64: 1 + x of float32 falls on another token once in some hundred
    return np.floor((noise(shape, seed).astype(np.float64) + 1) / 2 * vocabulary).astype(np.int64)
