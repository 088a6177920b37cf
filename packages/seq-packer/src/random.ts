/** Uniform numbers in [0, 1) that depend on nothing but `key`: sfc32 (PractRand), seeded by FNV-1a hashes of the key. */
export function randomFrom(key: string): () => number {
  let [a, b, c] = [hash(`${key}/a`), hash(`${key}/b`), hash(`${key}/c`)]
  let counter = 1
  const next = (): number => {
    const result = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return (result >>> 0) / 4_294_967_296
  }
  for (let i = 0; i < 12; i++) next() // sfc32 mixes close seeds within a dozen rounds
  return next
}

function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value
}

/** 0 … length − 1 in random order (Fisher–Yates). */
export function* shuffledIndices(length: number, random: () => number): Generator<number, undefined> {
  const order = Uint32Array.from({ length }, (_, i) => i)
  for (let i = 0; i < length; i++) {
    const j = i + Math.floor(random() * (length - i))
    const chosen = order[j]!
    order[j] = order[i]!
    order[i] = chosen
    yield chosen
  }
}

/** The items in random order. */
export function* shuffled<Item>(items: readonly Item[], random: () => number): Generator<Item, undefined> {
  for (const index of shuffledIndices(items.length, random)) yield items[index]!
}
