/** Uniform numbers in [0, 1), 32 bits each, the same for a seed everywhere (sfc32 of PractRand, period about 2^128). */
export function uniform(seed: number, stream = ''): () => number {
  // the stream's name is hashed (FNV-1a), so that streams of one seed do not repeat each other
  let hash = 0x811c9dc5
  for (let i = 0; i < stream.length; i++) hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193)
  let [a, b, c, counter] = [hash | 0, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1]
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 15; i++) next() // mixes the seed in
  return next
}

/** Fills `values` with draws of a normal distribution of mean 0, by Marsaglia's polar method in float64. */
export function fillNormal(values: Float32Array, standardDeviation: number, next: () => number): void {
  for (let i = 0; i < values.length; i += 2) {
    let [x, y, square] = [0, 0, 0]
    do {
      x = 2 * next() - 1
      y = 2 * next() - 1
      square = x * x + y * y
    } while (square >= 1 || square === 0)
    const scale = standardDeviation * Math.sqrt((-2 * Math.log(square)) / square)
    values[i] = x * scale
    if (i + 1 < values.length) values[i + 1] = y * scale
  }
}

/** @throws RangeError unless the seed is a whole number ≥ 0; `who` starts the message */
export function checkSeed(who: string, seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`${who}: seed is ${seed}; it must be a whole number ≥ 0.`)
}
