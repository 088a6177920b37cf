import type { MixPart } from './data-mix.ts'

export interface LengthReport {
  readonly documents: number
  readonly tokens: number
  /** By source or part: what there is, and its share of the tokens that will be trained on. */
  readonly parts: Readonly<Record<string, { readonly documents: number; readonly tokens: number; readonly share: number }>>
  /** Documents of `from … 2·from − 1` tokens, and their share of the tokens that will be trained on. */
  readonly histogram: readonly { readonly from: number; readonly documents: number; readonly tokens: number; readonly share: number }[]
  /** Share of the tokens that lie in documents of at least `length` tokens. */
  readonly beyond: readonly { readonly length: number; readonly share: number }[]
}

/**
 * What a mix holds: documents, tokens, and how much of the training lies in long documents. Of sources, or of the parts that `dataMix` made
 * of them, whose weights the shares follow.
 */
export function lengthReport(
  lengths: Readonly<Record<string, ArrayLike<number>>>,
  parts?: Readonly<Record<string, Pick<MixPart, 'source' | 'indices' | 'weight'>>>,
): LengthReport {
  const bins = Array.from({ length: 53 }, () => ({ documents: 0, tokens: 0, share: 0 }))
  const counted: Record<string, { documents: number; tokens: number; share: number }> = {}
  const entries = parts
    ? Object.entries(parts).map(([name, { source, indices, weight }]) => ({ name, own: lengths[source]!, indices, weight }))
    : Object.entries(lengths).map(([name, own]) => ({ name, own, indices: undefined, weight: undefined }))
  const everything = Object.values(lengths).reduce((sum, own) => sum + total(own), 0)
  for (const { name, own, indices, weight } of entries) {
    const documents = indices?.length ?? own.length
    const lengthAt = (k: number): number => own[indices ? indices[k]! : k]!
    let tokens = 0
    for (let k = 0; k < documents; k++) tokens += lengthAt(k)
    const share = weight ?? tokens / everything
    counted[name] = { documents, tokens, share }
    for (let k = 0; k < documents; k++) {
      const length = lengthAt(k)
      const bin = bins[Math.floor(Math.log2(length))]!
      bin.documents++
      bin.tokens += length
      bin.share += (share * length) / tokens
    }
  }
  const last = bins.findLastIndex(({ documents }) => documents > 0)
  const histogram = bins.slice(0, last + 1).map((bin, power) => ({ from: 2 ** power, ...bin }))
  let share = 0
  const beyond = histogram
    .toReversed()
    .map((bin) => {
      share += bin.share
      return { length: bin.from, share }
    })
    .reverse()
  const sum = (key: 'documents' | 'tokens') => Object.values(counted).reduce((total, part) => total + part[key], 0)
  return { documents: sum('documents'), tokens: sum('tokens'), parts: counted, histogram, beyond }
}

function total(lengths: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < lengths.length; i++) sum += lengths[i]!
  return sum
}
