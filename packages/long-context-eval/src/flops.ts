import { checkCount } from './checks.ts'

export interface TrainingFlopsOptions {
  /** Transformer blocks `l`. */
  readonly layers: number
  /** Channels `h`. */
  readonly hidden: number
  /** Tokens per sequence `s`. */
  readonly sequenceLength: number
  /** Tokens of the whole training. */
  readonly tokens: number
}

/**
 * Floating-point operations of training a transformer of `12lh²` parameters: `72·l·h²·(1 + s/(6h))·tokens`, forward and backward.
 * No vocabulary term, no recomputation, full (not causally halved) attention: this form gives Table 10 of Xiong et al. 2023 to every
 * printed digit. Sizes are whole numbers ≥ 1, else RangeError.
 * @see Narayanan et al. 2021 (Megatron-LM), equation 3
 */
export function trainingFlops({ layers, hidden, sequenceLength, tokens }: TrainingFlopsOptions): number {
  checkCount('trainingFlops: layers', layers)
  checkCount('trainingFlops: hidden', hidden)
  checkCount('trainingFlops: sequenceLength', sequenceLength)
  if (!(tokens > 0 && tokens < Number.POSITIVE_INFINITY))
    throw new RangeError(`trainingFlops: tokens is ${tokens}; it must be a number > 0.`)
  return 72 * layers * hidden ** 2 * (1 + sequenceLength / attentionBottleneck(hidden)) * tokens
}

export interface CurriculumFlopsOptions {
  readonly layers: number
  readonly hidden: number
  /** Tokens of the whole training. */
  readonly tokens: number
  /** What is trained one after another: sequence length and share of the tokens. Shares are in (0, 1] and add up to 1. */
  readonly phases: readonly { readonly sequenceLength: number; readonly fraction: number }[]
}

/**
 * `trainingFlops` of a training whose sequences grow: the sum over phases of their share of the tokens at their length.
 * Throws RangeError unless the shares add up to 1 (within 1e-9).
 * @see Xiong et al. 2023, §4.4, Table 10
 */
export function curriculumFlops({ layers, hidden, tokens, phases }: CurriculumFlopsOptions): number {
  const whole = phases.reduce((sum, { fraction }) => sum + fraction, 0)
  if (!(Math.abs(whole - 1) < 1e-9))
    throw new RangeError(`curriculumFlops: the fractions of the phases add up to ${whole}; they must add up to 1.`)
  return phases.reduce((sum, { sequenceLength, fraction }) => {
    return sum + trainingFlops({ layers, hidden, sequenceLength, tokens: fraction * tokens })
  }, 0)
}

/**
 * Sequence length from which attention costs more than the dense layers: `6h` tokens, where `s/(6h)` of `trainingFlops` is 1.
 * @see Xiong et al. 2023, §2.1 (49,152 for the 70B model)
 */
export function attentionBottleneck(hidden: number): number {
  checkCount('attentionBottleneck: hidden', hidden)
  return 6 * hidden
}
