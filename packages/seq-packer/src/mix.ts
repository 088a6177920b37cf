import { checkCount } from './check.ts'
import { randomFrom, shuffledIndices } from './random.ts'
import { checkSame, fieldsOf, resumable, wholeNumber } from './resumable.ts'
import type { Json, Resumable, Stored } from './types.ts'

/** Whatever has tokens can be mixed: documents, but also rows. */
export interface Tokens {
  readonly tokens: ArrayLike<number>
}

/**
 * An array is shuffled anew every epoch, and so are stored items, which are read one by one when they are due; a function is called with
 * each epoch, from 0, and its items are taken in the order it gives them.
 */
export type Source<Item> = readonly Item[] | Stored<Item> | ((epoch: number) => Iterable<Item>)

export interface MixOptions {
  /** Wanted share of the tokens, by source: finite, ≥ 0, of any sum. */
  readonly weights: Readonly<Record<string, number>>
  /** A whole number; the same seed gives the same stream. */
  readonly seed: number
  /** The stream ends where a source would begin this epoch, counted from 0. Default: it never ends. */
  readonly epochs?: number
  /**
   * Epochs after which a source leaves, and the others share by their weights what follows; the stream ends when none is left. By source;
   * default: none leaves.
   */
  readonly maxEpochs?: Readonly<Record<string, number>>
}

/**
 * One stream out of several sources, whose shares of the tokens follow the weights: next comes the source with the largest deficit
 * `wᵢ·(Σₖ nₖ + 1) − nᵢ`, with `nᵢ` the tokens it has given and `Σ wᵢ = 1`. So no source is ever ahead of its share by as much as one of
 * its items. Items come whole and as they are.
 * Deterministic; the state holds three numbers per source.
 * @throws TypeError or RangeError for sources, weights, seed or epochs that cannot work, and for an item without tokens.
 * @see Xiong et al. 2023, §2.1 and §4.2 (up-weighting long texts)
 */
export function mix<Item extends Tokens>(sources: Readonly<Record<string, Source<Item>>>, options: MixOptions): Resumable<Item> {
  checkMix(sources, options)
  const { weights, seed, epochs = Number.POSITIVE_INFINITY, maxEpochs = {} } = options
  const names = Object.keys(sources)
  const leaves = names.map((name) => (maxEpochs[name] ?? Number.POSITIVE_INFINITY) <= epochs && name in maxEpochs)
  const readers = names.map((name, i) => epochsOf(name, sources[name]!, seed, leaves[i] ? maxEpochs[name]! : epochs))
  const given = names.map(() => 0)
  let here: readonly number[] = [] // the sources that have not left, and their shares
  let shares: readonly number[] = []
  const sizes = Object.fromEntries(names.map((name) => [name, sizeOf(sources[name]!)]))
  const settings = { weights: Object.fromEntries(names.map((name) => [name, weights[name]!])), seed, sizes, maxEpochs }

  function stay(wanted: (i: number) => boolean): void {
    here = names.map((_, i) => i).filter(wanted)
    const sum = here.reduce((total, i) => total + weights[names[i]!]!, 0)
    if (sum === 0) here = []
    shares = here.map((i) => weights[names[i]!]! / sum)
  }
  function next(): Item | undefined {
    while (here.length > 0) {
      const wanted = here.reduce((total, i) => total + given[i]!, 1)
      let [due, deficit] = [here[0]!, Number.NEGATIVE_INFINITY]
      here.forEach((i, place) => {
        const own = shares[place]! * wanted - given[i]!
        if (own > deficit) [due, deficit] = [i, own]
      })
      const item = readers[due]!.next()
      if (item) {
        given[due]! += item.tokens.length
        return item
      }
      if (!leaves[due]) return undefined // the same source stays due, and has nothing
      stay((i) => i !== due && here.includes(i))
    }
    return undefined
  }
  const state = (): Json => {
    const cursors = names.map((name, i) => [name, { ...readers[i]!.at(), tokens: given[i]! }])
    return { kind: 'mix', ...settings, sources: Object.fromEntries(cursors) }
  }
  const restore = (state: Json): void => {
    const fields = fieldsOf('mix', state, 'mix')
    checkSame('mix', fields, settings)
    names.forEach((name, i) => {
      const cursor = fieldsOf('mix', fieldsOf('mix', fields.sources)[name])
      const [epoch, index, tokens] = ['epoch', 'index', 'tokens'].map((key) => wholeNumber(`mix.restore: ${key} of '${name}'`, cursor[key]))
      readers[i]!.seek(epoch!, index!)
      given[i] = tokens!
    })
    stay((i) => !leaves[i] || readers[i]!.at().epoch < maxEpochs[names[i]!]!)
  }
  stay(() => true)
  return resumable(next, state, restore)
}

/** A source, epoch after epoch. */
function epochsOf<Item extends Tokens>(name: string, source: Source<Item>, seed: number, epochs: number) {
  /** Each epoch gives what reads its items, so that those handed out before a state are passed over unread where that can be. */
  const open = (epoch: number): Iterator<() => Item> =>
    typeof source === 'function'
      ? readersOf(source(epoch))
      : inOrder(source, shuffledIndices(countOf(source), randomFrom(`${seed}/${name}/${epoch}`)))
  let [epoch, index] = [0, 0]
  let items: Iterator<() => Item> | undefined
  function next(): Item | undefined {
    while (epoch < epochs) {
      items ??= open(epoch)
      const { value: read, done } = items.next()
      if (!done) {
        const item = read()
        index++
        if (item.tokens.length > 0) return item
        throw new RangeError(`mix: item ${index - 1} of source '${name}' in epoch ${epoch} has no tokens. Leave out empty documents.`)
      }
      if (index === 0) throw new RangeError(`mix: source '${name}' is empty in epoch ${epoch}. Leave it out.`)
      ;[epoch, index, items] = [epoch + 1, 0, undefined]
    }
    return undefined
  }
  function seek(toEpoch: number, toIndex: number): void {
    ;[epoch, index, items] = [toEpoch, 0, undefined]
    if (toIndex === 0) return
    items = open(epoch)
    for (; index < toIndex; index++)
      if (items.next().done)
        throw new RangeError(`mix.restore: source '${name}' holds fewer than the ${toIndex} items the state counted. Pass the same data.`)
  }
  return { next, seek, at: () => ({ epoch, index }) }
}

function* readersOf<Item>(items: Iterable<Item>): Generator<() => Item, undefined> {
  for (const item of items) yield () => item
}

function* inOrder<Item>(source: readonly Item[] | Stored<Item>, indices: Iterable<number>): Generator<() => Item, undefined> {
  for (const index of indices) yield () => ('lengths' in source ? source.at(index) : source[index]!)
}

const countOf = <Item>(source: readonly Item[] | Stored<Item>): number => ('lengths' in source ? source.lengths.length : source.length)

/** What tells one array from another, cheaply. */
function sizeOf<Item extends Tokens>(source: Source<Item>): Json {
  if (typeof source === 'function') return null
  let tokens = 0
  for (let i = 0; i < countOf(source); i++) tokens += 'lengths' in source ? source.lengths[i]! : source[i]!.tokens.length
  return { items: countOf(source), tokens }
}

function checkMix(sources: Readonly<Record<string, Source<Tokens>>>, { weights, seed, epochs = 1, maxEpochs = {} }: MixOptions): void {
  const names = Object.keys(sources)
  if (names.length === 0) throw new RangeError('mix: sources is empty; give at least one, such as { books: documents }.')
  for (const name of names) {
    const source = sources[name]!
    if (typeof source !== 'function' && !Array.isArray(source) && !(typeof source?.at === 'function' && 'lengths' in source))
      throw new TypeError(
        `mix: source '${name}' is ${String(source)}; it must be an array, a function that returns an iterable, or { lengths, at }.`,
      )
    const weight = weights?.[name]
    if (weight === undefined) throw new RangeError(`mix: source '${name}' has no weight; the weights name ${Object.keys(weights ?? {})}.`)
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new RangeError(`mix: the weight of '${name}' is ${weight}; it must be a finite number ≥ 0.`)
    if (typeof source === 'function') continue
    const count = countOf(source)
    if (count === 0) throw new RangeError(`mix: source '${name}' is empty. Leave it out.`)
    const lengthAt = (i: number): number => ('lengths' in source ? source.lengths[i]! : source[i]!.tokens?.length)
    let empty = 0
    while (empty < count && lengthAt(empty) > 0) empty++
    if (empty < count) throw new RangeError(`mix: item ${empty} of source '${name}' has no tokens. Leave out empty documents.`)
  }
  const strange = Object.keys(weights).find((name) => !names.includes(name))
  if (strange !== undefined)
    throw new RangeError(`mix: there is a weight for '${strange}', but the sources are ${names}. Remove one or add the other.`)
  if (!names.some((name) => weights[name]! > 0)) throw new RangeError('mix: all weights are 0; at least one must be positive.')
  if (!Number.isSafeInteger(seed)) throw new RangeError(`mix: seed is ${seed}; it must be a whole number.`)
  if (epochs !== Number.POSITIVE_INFINITY) checkCount('mix: epochs', epochs)
  for (const [name, most] of Object.entries(maxEpochs)) {
    if (!names.includes(name))
      throw new RangeError(`mix: maxEpochs names '${name}', but the sources are ${names}. Remove one or add the other.`)
    checkCount(`mix: maxEpochs of '${name}'`, most)
  }
}
