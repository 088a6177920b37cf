// What fits: memory, seconds a step, steps in the time given, FLOPs.
import { freemem, totalmem } from 'node:os'
import { createInterface } from 'node:readline/promises'
import * as tf from '@tensorflow/tfjs'
import { countParams, type LlamaConfig, loss, type MemoryPlan, memoryPlan } from 'llama-model'
import { trainingFlops } from 'long-context-eval'
import { type CurriculumPhase, curriculum, shortThenLong, train } from 'trainer'
import { progress } from '../long-context/progress.ts'
import { type Learner, learns, withLora } from './model.ts'
import type { Settings } from './settings.ts'

const wasmHeap = 2 ** 32 // the most that tfjs-wasm can have

const heapBytes = ({ memory }: Settings): number =>
  memory !== undefined ? memory * 2 ** 30 : tf.getBackend() === 'wasm' ? Math.min(wasmHeap, totalmem()) : freemem()

const margin = 0.85 // a plan is good within 15 %

/**
 * Memory of a step at the new length, with as much activation checkpointing as it takes to stay below the limit by a margin, or else below
 * it. Throws an Error where nothing makes it fit.
 */
export function planMemory(config: LlamaConfig, settings: Settings): MemoryPlan {
  const { length, method } = settings
  const within = (share: number) => memoryPlan({ ...memoryOf(config, settings), heapBytes: share * heapBytes(settings) })
  try {
    return within(margin)
  } catch {
    // without a margin then
  }
  try {
    return within(1)
  } catch (error) {
    const hint = method === 'full' ? 'Or train less: --method lora' : 'Or give a shorter --length'
    throw new Error(`--length ${length}: too little memory. ${(error as Error).message} ${hint}`, { cause: error })
  }
}

const memoryOf = (config: LlamaConfig, settings: Settings) => ({
  config: withLora(config, settings),
  rowLength: settings.length,
  batchSize: 1,
  trainable: learns(settings),
})

/** Rows of which length, when. Throws a RangeError where there are too few steps for that. */
export const phasesOf = ({ length, curriculum: share }: Settings, totalSteps: number): CurriculumPhase[] =>
  curriculum({ totalSteps, tokensPerBatch: length, phases: shortThenLong(share, { short: length / 4, long: length }) })

/** Seconds of training steps on rows of random tokens, a single document each, the dearest there are. The learning rate is 0: nothing changes. */
async function timeSteps(
  learner: Learner,
  memory: MemoryPlan | undefined,
  shape: [number, number],
  steps: number,
  onStep = (_seconds: number) => {},
): Promise<number[]> {
  const { config, frozen, learning } = learner
  const batches = function* () {
    for (;;) yield { tokens: tf.randomUniform<tf.Rank.R2>(shape, 0, config.vocabSize, 'int32', 1) }
  }
  const seconds: number[] = []
  for await (const { milliseconds } of train({
    params: learning,
    loss: (params, batch) => loss({ ...frozen, ...params }, config, batch, memory),
    batches: batches(),
    learningRate: () => 0,
    totalSteps: steps,
  })) {
    seconds.push(milliseconds / 1000)
    onStep(milliseconds / 1000)
  }
  return seconds
}

/** To so many significant digits, never as 1.04e+3. */
export const rounded = (value: number, digits = 3) => value.toLocaleString('en-US', { maximumSignificantDigits: digits })

const fewestSteps = 4
const instructShare = 0.15 // of the steps of continued pretraining

export interface Steps {
  /** Of continued pretraining, of each arm. */
  readonly long: number
  readonly instruct: number
}

/** Steps on rows of one length. */
interface TimedPhase {
  readonly sequenceLength: number
  /** Of the steps of continued pretraining. */
  readonly fraction: number
  readonly secondsPerStep: number
}

/** How many trainings of equal length there are. */
const countArms = ({ compare, repeats }: Settings) => 1 + compare.length + repeats

const meanSeconds = (phases: readonly TimedPhase[]) => phases.reduce((sum, own) => sum + own.fraction * own.secondsPerStep, 0)

/** How many steps fit into `--hours`, where the settings do not say it. Throws an Error where these are too few. */
function stepsFor(phases: readonly TimedPhase[], settings: Settings): Steps {
  const { hours, length, pairs } = settings
  const secondsPerStep = meanSeconds(phases)
  const share = pairs > 0 && settings.instructSteps === undefined ? instructShare : 0
  const secondsOfAll = countArms(settings) * secondsPerStep + share * phases.at(-1)!.secondsPerStep // by steps of an arm
  const fit = Math.floor((hours * 3600) / secondsOfAll)
  const long = settings.steps ?? fit
  if (long < fewestSteps && settings.steps === undefined) {
    const needed = (fewestSteps * secondsOfAll) / 3600
    throw new Error(
      `--hours ${hours}: too little time. A step at ${length} tokens takes ${rounded(secondsPerStep, 2)} s or more here, so ${fit} would fit; ` +
        `${fewestSteps} are the least: give --hours ${rounded(needed, 2)}, a shorter --length or a faster --engine`,
    )
  }
  return { long, instruct: pairs === 0 ? 0 : (settings.instructSteps ?? Math.max(1, Math.round(instructShare * long))) }
}

const shortRow = 512

/** Throws as `stepsFor`, after seconds: by tokens, a step at the full length takes no less than one on a short row; attention comes on top. */
export async function checkTime(learner: Learner, settings: Settings): Promise<void> {
  if (settings.steps !== undefined) return
  const { length } = settings
  const rowLength = Math.min(shortRow, length)
  const seconds = Math.min(...(await timeSteps(learner, undefined, [1, rowLength], 2)))
  stepsFor([{ sequenceLength: length, fraction: 1, secondsPerStep: (seconds * length) / rowLength }], settings)
}

interface Cost {
  /** By the paper's formula. */
  readonly flops: number
  readonly seconds: number
}

export interface Plan {
  readonly steps: Steps
  readonly phases: readonly TimedPhase[]
  readonly memory: MemoryPlan
  /** Of the continued pretraining of one arm. */
  readonly pretraining: Cost
  readonly instruction: Cost
  readonly learning: number
  readonly parameters: number
}

const sumOf = (costs: readonly Cost[]): Cost =>
  costs.reduce((sum, own) => ({ flops: sum.flops + own.flops, seconds: sum.seconds + own.seconds }))

/** Measures the trial steps, and plans by the last, which no longer grows the heap. */
export async function makePlan(learner: Learner, settings: Settings): Promise<Plan> {
  const { length, trialSteps } = settings
  const { lora: _, ...config } = learner.config
  const memory = planMemory(config, settings)
  const tried = phasesOf(settings, 1000)
  const bar = progress('trial steps', tried.length * trialSteps)
  let done = 0
  const phases: TimedPhase[] = []
  for (const { sequenceLength, batchSize, steps } of tried) {
    const onStep = (seconds: number) => bar.update(++done, `${rounded(seconds)} s, rows of ${sequenceLength}`)
    const seconds = await timeSteps(learner, memory, [batchSize, sequenceLength], trialSteps, onStep)
    phases.push({ sequenceLength, fraction: steps / 1000, secondsPerStep: seconds.at(-1)! })
  }
  bar.stop()
  const steps = stepsFor(phases, settings)
  const costOf = (own: TimedPhase, steps: number): Cost => ({
    flops:
      steps * trainingFlops({ layers: config.numLayers, hidden: config.hiddenSize, sequenceLength: own.sequenceLength, tokens: length }),
    seconds: steps * own.secondsPerStep,
  })
  return {
    steps,
    phases,
    memory,
    pretraining: sumOf(phases.map((own) => costOf(own, steps.long * own.fraction))),
    instruction: costOf(phases.at(-1)!, steps.instruct),
    learning: Object.values(learner.learning).reduce((sum, { size }) => sum + size, 0),
    parameters: countParams(config),
  }
}

/** The plan as lines of two columns, for the terminal and the report. */
export function planTable(
  { steps, phases, memory, pretraining, instruction, learning, parameters }: Plan,
  settings: Settings,
  trained: number,
): [string, string][] {
  const { length, method, rank, compare, repeats } = settings
  const whole = (value: number) => Math.round(value).toLocaleString('en-US')
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
  const inSteps = (count: number) => `${count} ${count === 1 ? 'step' : 'steps'}`
  const more = [...compare, ...Array.from({ length: repeats }, () => 'another seed')].join(', ')
  const { flops, seconds } = sumOf([instruction, ...Array.from({ length: countArms(settings) }, () => pretraining)])
  const again = memory.activationCheckpointing
  return [
    ['context', `${whole(trained)} → ${whole(length)} tokens`],
    [
      'learns',
      `${whole(learning)} of ${whole(parameters)} parameters (${method === 'full' ? 'all' : `LoRA of rank ${rank}, norms, embeddings`})`,
    ],
    [
      'memory',
      `a heap of ${gibibytes(memory.heapBytes)}${again ? `, activations of ${'first' in again ? again.first : 'all'} layers computed again` : ''}`,
    ],
    ...phases.map(({ sequenceLength, fraction, secondsPerStep }): [string, string] => [
      `a step, rows of ${whole(sequenceLength)}`,
      `${rounded(secondsPerStep)} s, ${whole(length / secondsPerStep)} tokens/s, measured${fraction < 1 ? `; ${Math.round(100 * fraction)} % of the steps` : ''}`,
    ]),
    ['continued pretraining', `${inSteps(steps.long)}, ${whole(steps.long * length)} tokens${more === '' ? '' : `; as many with ${more}`}`],
    ['instruction tuning', steps.instruct > 0 ? inSteps(steps.instruct) : 'none'],
    ['in all', `${flops.toExponential(1)} FLOPs, ${rounded(seconds / 3600, 2)} hours, and what measuring takes`],
  ]
}

/** Asks on the terminal whether to go on; `--yes` answers for scripts. */
export async function confirm({ yes }: Settings): Promise<boolean> {
  if (yes) return true
  if (!process.stdin.isTTY) throw new Error('the plan wants a yes, and there is no terminal to ask on: add --yes')
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question('  go on? [Y/n] ')
  terminal.close()
  if (/^n/i.test(answer.trim())) throw new Error('stopped before training; what was measured is kept')
  return true
}
