import { checkCount } from './check-options.ts'
import type { Json } from './types.ts'

export interface CurriculumOptions {
  readonly totalSteps: number
  /** The same in every phase; a multiple of every sequence length. */
  readonly tokensPerBatch: number
  /** What is trained one after another: sequence length and share of the steps; the shares add up to 1. */
  readonly phases: readonly { readonly sequenceLength: number; readonly fraction: number }[]
}

export interface CurriculumPhase {
  readonly index: number
  readonly sequenceLength: number
  /** Sequences of a step: `tokensPerBatch / sequenceLength`. */
  readonly batchSize: number
  /** Steps count from 0. */
  readonly firstStep: number
  readonly steps: number
}

/**
 * The phases of a training whose sequences grow at constant tokens per batch; each has at least one step. Nothing else changes at a switch:
 * learning rate and optimizer go on by step, the data by `curriculumBatches`. For its FLOPs see long-context-eval's `curriculumFlops`.
 * @throws RangeError for shares that do not add up to 1 (within 1e-9), lengths that do not divide the batch, fewer steps than phases.
 * @see Xiong et al. 2023, §4.4
 */
export function curriculum({ totalSteps, tokensPerBatch, phases }: CurriculumOptions): CurriculumPhase[] {
  checkCount('curriculum: totalSteps', totalSteps)
  checkCount('curriculum: tokensPerBatch', tokensPerBatch)
  const whole = phases.reduce((sum, { fraction }) => sum + fraction, 0)
  if (!(Math.abs(whole - 1) < 1e-9) || phases.some(({ fraction }) => !(fraction > 0)))
    throw new RangeError(
      `curriculum: the fractions of the phases are ${phases.map(({ fraction }) => fraction)}; they must be > 0 and add up to 1.`,
    )
  let shares = 0
  const ends = phases.map(({ fraction }) => {
    shares += fraction
    return Math.round(shares * totalSteps)
  })
  return phases.map(({ sequenceLength }, index) => {
    checkCount(`curriculum: phases[${index}].sequenceLength`, sequenceLength)
    if (tokensPerBatch % sequenceLength !== 0)
      throw new RangeError(
        `curriculum: tokensPerBatch is ${tokensPerBatch}, no multiple of phases[${index}].sequenceLength ${sequenceLength}; the tokens of a step would change.`,
      )
    const firstStep = ends[index - 1] ?? 0
    const steps = ends[index]! - firstStep
    if (steps < 1)
      throw new RangeError(`curriculum: phases[${index}] has no step of ${totalSteps}; give it a larger fraction, or train longer.`)
    return { index, sequenceLength, batchSize: tokensPerBatch / sequenceLength, firstStep, steps }
  })
}

/**
 * The arms of the paper's Table 10, as `phases`: short sequences until `switchAt` of the steps, then long ones; 0 is long from the start. The paper
 * has 0, 0.2, 0.4 and 0.8, which save 0, 10, 20 and 40 % of the FLOPs of its 7B model.
 */
export const shortThenLong = (switchAt: number, { short = 4096, long = 32_768 } = {}): CurriculumOptions['phases'] =>
  switchAt === 0
    ? [{ sequenceLength: long, fraction: 1 }]
    : [
        { sequenceLength: short, fraction: switchAt },
        { sequenceLength: long, fraction: 1 - switchAt },
      ]

/** A stream that tells where it is: seq-packer's `batches`, for one. */
export interface BatchStream<Batch> extends Iterator<Batch, undefined> {
  readonly state: () => Json
  readonly restore: (state: Json) => void
}

export interface CurriculumBatches<Batch> {
  /** For `train`'s option `batches`. */
  readonly batches: (data: Json) => Generator<Batch, void, undefined>
  /** For `checkpoint.data`. */
  readonly data: () => Json
}

/**
 * One stream over all phases, resumable within each: `open(phase, before)` opens the batches of a phase; `before` is the state of the phase
 * that ended, from which the data go on (`repack` of seq-packer), and null at the start. `batchesPerStep` is `train`'s `gradientAccumulation`.
 */
export function curriculumBatches<Batch>(
  phases: readonly CurriculumPhase[],
  open: (phase: CurriculumPhase, before: Json) => BatchStream<Batch>,
  { batchesPerStep = 1 }: { readonly batchesPerStep?: number } = {},
): CurriculumBatches<Batch> {
  let at: { batch: number; stream: BatchStream<Batch> | undefined } = { batch: 0, stream: undefined }
  const firstBatch = ({ firstStep }: CurriculumPhase) => firstStep * batchesPerStep
  const phaseAt = (batch: number) => phases.findLast((phase) => firstBatch(phase) <= batch)!
  function* batches(data: Json): Generator<Batch, void, undefined> {
    const saved = data as { readonly batch: number; readonly stream: Json } | null
    at = { batch: saved?.batch ?? 0, stream: undefined }
    if (saved) {
      at.stream = open(phaseAt(saved.batch - 1), null)
      at.stream.restore(saved.stream)
    }
    for (;;) {
      const phase = phaseAt(at.batch)
      if (firstBatch(phase) === at.batch) at.stream = open(phase, at.stream?.state() ?? null)
      const { value, done } = at.stream!.next()
      if (done) return
      at.batch++
      yield value
    }
  }
  return { batches, data: () => ({ batch: at.batch, stream: at.stream?.state() ?? null }) }
}
