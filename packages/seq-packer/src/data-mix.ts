import { checkCount } from './check.ts'

/** Some documents of a source, and their weight in a mix. */
export interface MixPart {
  readonly source: string
  /** Which documents, in order. */
  readonly indices: Uint32Array
  /** Share of the tokens; the weights of all parts sum to 1. */
  readonly weight: number
}

interface EveryArm {
  /** Tokens from which a document is long. */
  readonly longFrom: number
  /** Wanted share of each source, of any sum. Default: its tokens. */
  readonly weights?: Readonly<Record<string, number>>
}

/**
 * The arms of the data ablation: 'default' takes what there is, 'remove-long' only what is shorter than `longFrom`, 'upsample-long' gives
 * long documents the share `longShare` of all tokens, and 'new-mix' keeps what is good first and gives long documents their share then.
 */
export type DataMixOptions = EveryArm &
  (
    | { readonly arm: 'default' | 'remove-long' }
    | { readonly arm: 'upsample-long'; readonly longShare: number }
    | {
        readonly arm: 'new-mix'
        readonly longShare: number
        /** A score of every document of a source, and the least that is kept. */
        readonly quality: { readonly scores: Readonly<Record<string, ArrayLike<number>>>; readonly least: number }
      }
  )

/**
 * Parts for `mix` out of sources, of which only the lengths of their documents are looked at: by source, or `source/long` for the long
 * documents of one. Inside a part documents have equal chances; the shares of sources among long and among short documents stay.
 * The paper publishes no proportions: `longFrom` and `longShare` are yours; 'upsample-long' and 'new-mix' get the same `longShare`.
 * @throws RangeError for options that cannot work, or an arm that leaves nothing to train on.
 * @see Xiong et al. 2023, §4.2 and Tables 7 and 8
 */
export function dataMix(lengths: Readonly<Record<string, ArrayLike<number>>>, options: DataMixOptions): Record<string, MixPart> {
  const { arm, longFrom, weights } = options
  checkCount('dataMix: longFrom', longFrom)
  if (!['default', 'remove-long', 'upsample-long', 'new-mix'].includes(arm))
    throw new RangeError(`dataMix: arm is '${arm}'; choose 'default', 'remove-long', 'upsample-long' or 'new-mix'.`)
  const names = Object.keys(lengths)
  const kept = Object.fromEntries(names.map((name) => [name, indicesOf(name, lengths[name]!, options)]))
  const tokensIn = (name: string, indices: Uint32Array) => indices.reduce((sum, i) => sum + lengths[name]![i]!, 0)
  const parts: Record<string, MixPart> = {}
  for (const name of names) {
    const all = tokensIn(name, kept[name]!)
    if (all === 0) continue
    const wanted = weights === undefined ? all : weights[name]
    if (!(wanted !== undefined && wanted >= 0 && wanted < Number.POSITIVE_INFINITY))
      throw new RangeError(`dataMix: the weight of '${name}' is ${wanted}; it must be a finite number ≥ 0.`)
    const split = arm === 'upsample-long' || arm === 'new-mix'
    const long = split ? kept[name]!.filter((i) => lengths[name]![i]! >= longFrom) : new Uint32Array()
    const short = split ? kept[name]!.filter((i) => lengths[name]![i]! < longFrom) : kept[name]!
    const weightOf = (indices: Uint32Array) => (wanted * tokensIn(name, indices)) / all
    if (short.length > 0) parts[name] = { source: name, indices: short, weight: weightOf(short) }
    if (long.length > 0) parts[`${name}/long`] = { source: name, indices: long, weight: weightOf(long) }
  }
  const isLong = (part: string) => part.endsWith('/long')
  const sum = (wanted: (part: string) => boolean) =>
    Object.entries(parts).reduce((total, [part, { weight }]) => total + (wanted(part) ? weight : 0), 0)
  if (sum(() => true) === 0) throw new RangeError(`dataMix: arm '${arm}' leaves no tokens; ${remedy[arm]}.`)
  const shareOf = (part: string): number => {
    if (!('longShare' in options)) return 1 / sum(() => true)
    const share = isLong(part) ? options.longShare : 1 - options.longShare
    return share / sum((other) => isLong(other) === isLong(part))
  }
  if ('longShare' in options) {
    const { longShare } = options
    if (!(longShare > 0 && longShare < 1)) throw new RangeError(`dataMix: longShare is ${longShare}; it must lie between 0 and 1.`)
    for (const long of [true, false])
      if (sum((part) => isLong(part) === long) === 0)
        throw new RangeError(
          `dataMix: no document has ${long ? `${longFrom} tokens or more` : `fewer than ${longFrom} tokens`}, so they cannot have a share. Choose another longFrom.`,
        )
  }
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, { ...part, weight: part.weight * shareOf(name) }]))
}

const remedy = {
  default: 'give sources with documents, and a weight above 0',
  'remove-long': 'all documents are long: choose a larger longFrom',
  'upsample-long': 'give sources with documents, and a weight above 0',
  'new-mix': 'no document is good enough: choose a smaller least quality',
}

/** What an arm keeps of a source. */
function indicesOf(name: string, lengths: ArrayLike<number>, options: DataMixOptions): Uint32Array {
  const all = Uint32Array.from({ length: lengths.length }, (_, i) => i)
  if (options.arm === 'remove-long') return all.filter((i) => lengths[i]! < options.longFrom)
  if (options.arm !== 'new-mix') return all
  const { scores, least } = options.quality
  const own = scores[name]
  if (own?.length !== lengths.length)
    throw new RangeError(`dataMix: source '${name}' has ${lengths.length} documents and ${own?.length ?? 'no'} scores; give one for each.`)
  return all.filter((i) => own[i]! >= least)
}
