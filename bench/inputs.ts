/**
 * Numbers that look random and are the same in every language: uniform in [−1, 1), hashed from index and seed.
 * Twin: `noise` in peers/python/inputs.py. Peers prove by them that they compute the same thing.
 */
export function noise(size: number, seed: number, scale = 1): Float32Array {
  const values = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    let hash = Math.imul(i + 1, 0x9e3779b1) + Math.imul(seed + 1, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
    values[i] = (((hash ^ (hash >>> 15)) >>> 0) / 2 ** 31 - 1) * scale
  }
  return values
}

/**
 * Lengths as texts have them: nineteen of twenty log-normal around 490 tokens, one from a tail `2000·u^(−1/1.2)`; what is longer than a row
 * is cut off there. Twin: `lengths_like_texts` in peers/python/inputs.py.
 */
export function lengthsLikeTexts(count: number, rowLength: number): Uint16Array {
  const lengths = new Uint16Array(count)
  const block = 100_000
  for (let from = 0; from < count; from += block) {
    // (0, 1), never the ends
    const [a, b, c] = [0, 1, 2].map((seed) => noise(block, 3 * (from / block) + seed).map((value) => Math.min(0.5 + 0.499_999 * value, 1)))
    for (let i = 0; i < block && from + i < count; i++) {
      const normal = Math.sqrt(-2 * Math.log(a![i]!)) * Math.cos(2 * Math.PI * b![i]!)
      const length = c![i]! < 0.05 ? 2000 * a![i]! ** (-1 / 1.2) : Math.exp(6.2 + 1.1 * normal)
      lengths[from + i] = Math.max(1, Math.min(rowLength, Math.round(length)))
    }
  }
  return lengths
}
