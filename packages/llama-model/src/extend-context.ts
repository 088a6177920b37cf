import { attentionDecay, baseForContext, type RopeOptions, type RopeScaling, ropeFrequencies, wavelengths } from 'rope-abf'
import { checkConfig, type LlamaConfig } from './config.ts'

export interface ExtendOptions {
  /** Tokens the model is to be trained on at once from now on. */
  readonly length: number
  /** How its rotations are slowed down: 'abf' by a larger base, the others by a scaling with `factor = length / maxPositionEmbeddings`. */
  readonly method: 'abf' | 'ntk' | 'linear' | 'yarn' | 'llama3' | 'dynamic'
  /** For 'abf': the new base; default `baseForContext(length, headDim)` to two digits, or the base as it is where that is larger. */
  readonly base?: number | undefined
}

/** One line of the table. */
export interface ContextChange {
  readonly quantity: string
  readonly before: number
  readonly after: number
}

export interface ExtendedContext {
  /** Of the longer model; params stay as they are. */
  readonly config: LlamaConfig
  readonly changes: readonly ContextChange[]
  /** `changes` as a Markdown table. */
  readonly table: string
}

/**
 * The configuration for a longer context, and what it changes: base, wavelengths beyond the lengths, and how much of a perfect match's
 * attention logit is left at the old and at the new length (`attentionDecay`, 1 at distance 0).
 *
 * @throws RangeError when `length` is no longer than `maxPositionEmbeddings`, a method does not exist, `base` is given for another than
 *   'abf', or the rope is scaled already, so that its trained length is not known
 * @see Xiong et al. 2023 (arXiv 2309.16039) §4.1, Fig. 4
 */
export function extendContext(config: LlamaConfig, options: ExtendOptions): ExtendedContext {
  checkConfig('extendContext', config)
  const { length } = options
  const { maxPositionEmbeddings: trained, rope } = config
  if (!Number.isSafeInteger(length) || length <= trained) {
    throw new RangeError(`extendContext: length is ${length}; it must be a whole number above config.maxPositionEmbeddings, ${trained}.`)
  }
  const { series } = ropeFrequencies(rope)
  if (!['none', 'abf', 'ntk', undefined].includes(rope.scaling?.kind) || !series) {
    throw new RangeError(
      `extendContext: config.rope is scaled by '${rope.scaling?.kind}' already; start from the configuration before that.`,
    )
  }
  const plain: RopeOptions = { ...rope, base: series.base, scaling: { kind: 'none' } }
  const longer: LlamaConfig = { ...config, maxPositionEmbeddings: length, rope: { ...plain, scaling: scalingOf(plain, trained, options) } }
  const changes = changesOf({ ...config, rope: plain }, longer)
  return { config: longer, changes, table: tableOf(changes) }
}

function scalingOf({ base, headDim }: RopeOptions, trained: number, { length, method, base: wanted }: ExtendOptions): RopeScaling {
  if (wanted !== undefined && method !== 'abf') {
    throw new RangeError(`extendContext: base is ${wanted} and method '${method}'; only 'abf' takes a base.`)
  }
  const factor = length / trained
  switch (method) {
    case 'abf':
      return { kind: 'abf', base: wanted ?? Math.max(base!, Number(baseForContext(length, headDim).toPrecision(2))) }
    case 'ntk':
    case 'linear':
      return { kind: method, factor }
    case 'yarn':
      return { kind: 'yarn', factor, originalLength: trained }
    case 'llama3':
    case 'dynamic':
      return { kind: method, factor, originalLength: trained }
    default:
      throw new RangeError(`extendContext: method is '${String(method)}'; choose from abf, ntk, linear, yarn, llama3, dynamic.`)
  }
}

function changesOf(before: LlamaConfig, after: LlamaConfig): ContextChange[] {
  const [trained, length] = [before.maxPositionEmbeddings, after.maxPositionEmbeddings]
  const atLength = ({ scaling, ...rope }: RopeOptions): RopeOptions => ({
    ...rope,
    ...(scaling && { scaling: scaling.kind === 'dynamic' ? { ...scaling, sequenceLength: length } : scaling }),
  })
  const ropes = [before.rope, atLength(after.rope)] as const
  const both = (quantity: string, of: (rope: RopeOptions) => number): ContextChange => ({
    quantity,
    before: of(ropes[0]),
    after: of(ropes[1]),
  })
  const beyond = (limit: number) => (rope: RopeOptions) => wavelengths(rope).filter((tokens) => tokens > limit).length
  const left = (distance: number) => (rope: RopeOptions) => {
    const [match, far] = attentionDecay(rope, [0, distance])
    return far! / match!
  }
  // a pair that turned less than once in training has met angles up to trained · θ only
  const seen = ropeFrequencies(before.rope).inverseFrequencies.map((theta) => Math.min(2 * Math.PI, trained * theta))
  const unseen = (rope: RopeOptions) =>
    ropeFrequencies(rope).inverseFrequencies.filter((theta, pair) => Math.min(2 * Math.PI, length * theta) > seen[pair]! * (1 + 1e-9))
      .length
  return [
    { quantity: 'context in tokens', before: trained, after: length },
    both('base', (rope) => ropeFrequencies(rope).series?.base ?? rope.base!),
    both('factor on attention logits', (rope) => ropeFrequencies(rope).attentionFactor ** 2),
    both('pairs of channels', (rope) => wavelengths(rope).length),
    both(`wavelengths beyond ${trained} tokens`, beyond(trained)),
    both(`wavelengths beyond ${length} tokens`, beyond(length)),
    both('longest wavelength in tokens', (rope) => Math.max(...wavelengths(rope))),
    both(`pairs at angles not seen in training, at ${length} tokens`, unseen),
    both(`attention left at ${trained} tokens`, left(trained)),
    both(`attention left at ${length} tokens`, left(length)),
  ]
}

function tableOf(changes: readonly ContextChange[]): string {
  const text = (value: number) =>
    Number.isInteger(value) || Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(3)
  const rows = [['', 'before', 'after'], ...changes.map(({ quantity, before, after }) => [quantity, text(before), text(after)])]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  const rule = `| ${'-'.repeat(widths[0]!)} | ${'-'.repeat(widths[1]! - 1)}: | ${'-'.repeat(widths[2]! - 1)}: |`
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n')
}
