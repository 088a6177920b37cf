import type { RopeScaling, YarnScaling } from '../rope.ts'
import { type Entries, number, type RopeEntries, requiredNumber, requiredNumbers } from './entries.ts'

const absent = undefined

/** Length the model was trained at: the top level wins over `rope_parameters`, the maximum stands in for both. */
function originalLength({ rope, nested }: RopeEntries, config: Entries, why: string): number {
  const key = 'original_max_position_embeddings'
  return (
    (nested ? absent : number(config, key)) ??
    number(rope, key) ??
    requiredNumber(config, 'max_position_embeddings', `${why} without ${key}`)
  )
}

function yarn({ rope }: RopeEntries, config: Entries, length: number): YarnScaling {
  if (!rope.has('factor')) requiredNumber(rope, 'factor', "rope_type 'yarn'")
  const factor = number(rope, 'factor') ?? requiredNumber(config, 'max_position_embeddings', "rope_type 'yarn' with factor null") / length
  const [betaFast, betaSlow] = [number(rope, 'beta_fast'), number(rope, 'beta_slow')]
  const [attentionFactor, mscale, mscaleAllDim] = [number(rope, 'attention_factor'), number(rope, 'mscale'), number(rope, 'mscale_all_dim')]
  const truncate = rope.has('truncate') ? rope.get('truncate') : true
  if (typeof truncate !== 'boolean' && truncate !== null) {
    throw new TypeError(`fromHuggingFace: truncate is ${JSON.stringify(truncate)}; it must be true or false. Correct it in config.json.`)
  }
  // transformers reads 0 and null of these as "not set", except for truncate, where null means false
  const temperature = attentionFactor !== undefined ? { attentionFactor } : mscale && mscaleAllDim ? { mscale, mscaleAllDim } : {}
  return {
    kind: 'yarn',
    factor,
    originalLength: length,
    ...(betaFast ? { betaFast } : {}),
    ...(betaSlow ? { betaSlow } : {}),
    ...(truncate ? {} : { truncate: false }),
    ...temperature,
  }
}

function longrope({ rope }: RopeEntries, config: Entries, length: number): RopeScaling {
  const why = "rope_type 'longrope'"
  const attentionFactor = number(rope, 'attention_factor')
  return {
    kind: 'longrope',
    shortFactors: requiredNumbers(rope, 'short_factor', why),
    longFactors: requiredNumbers(rope, 'long_factor', why),
    originalLength: length,
    factor: number(rope, 'factor') ?? requiredNumber(config, 'max_position_embeddings', `${why} without factor`) / length,
    ...(attentionFactor === undefined ? {} : { attentionFactor }),
  }
}

/** The scaling that `rope_type` (or `type`, its old name) and its settings describe. */
export function scalingOf(entries: RopeEntries, config: Entries): RopeScaling {
  const { rope } = entries
  const type = rope.get('rope_type') ?? rope.get('type') ?? 'default'
  const why = `rope_type '${type}'`
  switch (type) {
    case 'default':
    case 'mrope': // Qwen2-VL: for text all three position axes agree, and that is plain RoPE
      return { kind: 'none' }
    case 'linear':
      return { kind: 'linear', factor: requiredNumber(rope, 'factor', why) }
    case 'dynamic': {
      const alpha = number(rope, 'alpha') // Hunyuan: a fixed stretch instead of one that follows the sequence
      if (alpha) return { kind: 'ntk', factor: alpha }
      const factor = requiredNumber(rope, 'factor', why)
      return { kind: 'dynamic', factor, originalLength: requiredNumber(config, 'max_position_embeddings', why) }
    }
    case 'yarn': {
      const length = originalLength(entries, config, why)
      return rope.has('short_factor') ? longrope(entries, config, length) : yarn(entries, config, length) // Phi-3 means longrope
    }
    case 'su': // Phi-3
    case 'longrope':
      return longrope(entries, config, originalLength(entries, config, why))
    case 'llama3':
      return {
        kind: 'llama3',
        factor: requiredNumber(rope, 'factor', why),
        originalLength: originalLength(entries, config, why),
        lowFreqFactor: requiredNumber(rope, 'low_freq_factor', why),
        highFreqFactor: requiredNumber(rope, 'high_freq_factor', why),
      }
    case 'proportional':
      return { kind: 'proportional', factor: number(rope, 'factor') ?? 1 }
    default:
      throw new RangeError(
        `fromHuggingFace: rope_type is ${JSON.stringify(type)}; known are default, linear, dynamic, yarn, longrope (su), llama3, ` +
          'proportional and mrope. Build the RopeOptions yourself if you know what it computes.',
      )
  }
}
