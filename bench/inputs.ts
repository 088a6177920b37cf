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
