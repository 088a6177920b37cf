import { pairHeap } from './pair-heap.ts'

/** Two tokens that become one. */
export interface Merge {
  readonly left: number
  readonly right: number
  readonly token: number
}

const base = 2 ** 26 // a pair of tokens as one number

/**
 * Byte-pair encoding (Sennrich et al. 2016): again and again the pair of neighbours that is most frequent becomes a token, of equals the one
 * of the smaller tokens. `words` are texts and how often each occurs, `tokenOf` the token of each byte; `name(merge)` gives the new token.
 * O(symbols · log pairs): a merge visits the places where its pair stands, and no others.
 */
export function* merges(
  words: ReadonlyMap<string, number>,
  tokenOf: ArrayLike<number>,
  name: (left: number, right: number) => number,
): Generator<Merge, void> {
  const { symbols, before, after, counts, wordOf } = symbolsOf(words, tokenOf)
  const pairs = new Map<number, { count: number; places: number[] }>()
  const add = (place: number, left: number, right: number, fresh: Set<number> | undefined): void => {
    const key = left * base + right
    const pair = pairs.get(key)
    if (pair) {
      pair.count += counts[wordOf[place]!]!
      pair.places.push(place)
    } else pairs.set(key, { count: counts[wordOf[place]!]!, places: [place] })
    fresh?.add(key)
  }
  for (let place = 0; place < symbols.length; place++)
    if (after[place]! >= 0) add(place, symbols[place]!, symbols[after[place]!]!, undefined)
  const heap = pairHeap()
  for (const [key, { count }] of pairs) heap.push(count, key)

  while (heap.size() > 0) {
    const { count, key } = heap.pop()
    const pair = pairs.get(key)
    if (!pair || pair.count <= 0) continue
    if (pair.count !== count) {
      heap.push(pair.count, key) // it has fallen
      continue
    }
    pairs.delete(key)
    const [left, right] = [Math.floor(key / base), key % base]
    const token = name(left, right)
    const fresh = new Set<number>()
    const places = left === right ? pair.places.sort((a, b) => a - b) : pair.places // aaa is aa a
    for (const place of places) {
      const other = after[place]!
      if (symbols[place] !== left || other < 0 || symbols[other] !== right) continue
      join(place, other, token, fresh)
    }
    for (const own of fresh) heap.push(pairs.get(own)!.count, own)
    yield { left, right, token }
  }

  function join(place: number, other: number, token: number, fresh: Set<number>): void {
    const [previous, next] = [before[place]!, after[other]!]
    const count = counts[wordOf[place]!]!
    const less = (left: number, right: number): void => {
      const pair = pairs.get(left * base + right)
      if (pair) pair.count -= count
    }
    if (previous >= 0) less(symbols[previous]!, symbols[place]!)
    if (next >= 0) less(symbols[other]!, symbols[next]!)
    symbols[place] = token
    symbols[other] = -1
    after[place] = next
    if (next >= 0) before[next] = place
    if (previous >= 0) add(previous, symbols[previous]!, token, fresh)
    if (next >= 0) add(place, token, symbols[next]!, fresh)
  }
}

/** All words as one chain of symbols each; −1 is the end of a chain. */
function symbolsOf(words: ReadonlyMap<string, number>, tokenOf: ArrayLike<number>) {
  let size = 0
  for (const word of words.keys()) size += Buffer.byteLength(word)
  const symbols = new Int32Array(size)
  const before = new Int32Array(size)
  const after = new Int32Array(size)
  const wordOf = new Int32Array(size)
  const counts = new Float64Array(words.size)
  let [at, number] = [0, 0]
  for (const [word, count] of words) {
    counts[number] = count
    const bytes = Buffer.from(word)
    for (let i = 0; i < bytes.length; i++, at++) {
      symbols[at] = tokenOf[bytes[i]!]!
      before[at] = i === 0 ? -1 : at - 1
      after[at] = i === bytes.length - 1 ? -1 : at + 1
      wordOf[at] = number
    }
    number++
  }
  return { symbols, before, after, counts, wordOf }
}
