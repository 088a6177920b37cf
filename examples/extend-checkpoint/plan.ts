// What fits: memory, seconds a step, steps in the time given, FLOPs.
import { freemem, totalmem } from 'node:os'
import { createInterface } from 'node:readline/promises'
import * as tf from '@tensorflow/tfjs'
import { countParams, type LlamaConfig, loss, type MemoryPlan, memoryPlan } from 'llama-model'
import { trainingFlops } from 'long-context-eval'
import { train } from 'trainer'
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

/** Seconds of training steps on rows of random tokens, a single document each, the dearest there are. The learning rate is 0: nothing changes. */
export async function timeSteps(learner: Learner, memory: MemoryPlan | undefined, rowLength: number, steps: number): Promise<number[]> {
  const { config, frozen, learning } = learner
  const batches = function* () {
    for (;;) yield { tokens: tf.randomUniform<tf.Rank.R2>([1, rowLength], 0, config.vocabSize, 'int32', 1) }
  }
  const seconds: number[] = []
  for await (const { milliseconds } of train({
    params: learning,
    loss: (params, batch) => loss({ ...frozen, ...params }, config, batch, memory),
    batches: batches(),
    learningRate: () => 0,
    totalSteps: steps,
  }))
    seconds.push(milliseconds / 1000)
  return seconds
}

const fewestSteps = 4
const instructShare = 0.15 // of the steps of continued pretraining

export interface Steps {
  /** Of continued pretraining, of each arm. */
  readonly long: number
  readonly instruct: number
}

/** How many steps fit into `--hours`, where the settings do not say it. Throws an Error where these are too few. */
export function stepsFor(secondsPerStep: number, settings: Settings): Steps {
  const { hours, length, compare, pairs } = settings
  const arms = 1 + compare.length
  const share = pairs > 0 && settings.instructSteps === undefined ? instructShare : 0
  const fit = Math.floor((hours * 3600) / secondsPerStep / (arms + share))
  const long = settings.steps ?? fit
  if (long < fewestSteps && settings.steps === undefined) {
    const needed = (fewestSteps * secondsPerStep * (arms + share)) / 3600
    throw new Error(
      `--hours ${hours}: too little time. A step at ${length} tokens takes ${secondsPerStep.toPrecision(2)} s or more here, so ${fit} would fit; ` +
        `${fewestSteps} are the least: give --hours ${needed.toPrecision(2)}, a shorter --length or a faster --engine`,
    )
  }
  return { long, instruct: pairs === 0 ? 0 : (settings.instructSteps ?? Math.max(1, Math.round(instructShare * long))) }
}

const shortRow = 512

/** Throws as `stepsFor`, after seconds: by tokens, a step at the full length takes no less than one on a short row; attention comes on top. */
export async function checkTime(learner: Learner, settings: Settings): Promise<void> {
  if (settings.steps !== undefined) return
  const rowLength = Math.min(shortRow, settings.length)
  const seconds = Math.min(...(await timeSteps(learner, undefined, rowLength, 2)))
  stepsFor((seconds * settings.length) / rowLength, settings)
}

const flopsOf = ({ numLayers: layers, hiddenSize: hidden }: LlamaConfig, sequenceLength: number, steps: number) =>
  trainingFlops({ layers, hidden, sequenceLength, tokens: steps * sequenceLength })

export interface Plan {
  readonly steps: Steps
  readonly secondsPerStep: number
  readonly memory: MemoryPlan
  /** Of all arms and instruction tuning, by the paper's formula. */
  readonly flops: number
  readonly learning: number
  readonly parameters: number
}

/** Measures the trial steps, and plans by the last, which no longer grows the heap. */
export async function makePlan(learner: Learner, settings: Settings): Promise<Plan> {
  const { length, trialSteps, compare } = settings
  const { lora: _, ...config } = learner.config
  const memory = planMemory(config, settings)
  const secondsPerStep = (await timeSteps(learner, memory, length, trialSteps)).at(-1)!
  const steps = stepsFor(secondsPerStep, settings)
  const all = (1 + compare.length) * steps.long + steps.instruct
  const learning = Object.values(learner.learning).reduce((sum, { size }) => sum + size, 0)
  return { steps, secondsPerStep, memory, flops: flopsOf(config, length, all), learning, parameters: countParams(config) }
}

/** The plan as lines of two columns, for the terminal and the report. */
export function planTable(
  { steps, secondsPerStep, memory, flops, learning, parameters }: Plan,
  settings: Settings,
  trained: number,
): [string, string][] {
  const { length, method, rank, compare } = settings
  const whole = (value: number) => Math.round(value).toLocaleString('en-US')
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
  const all = (1 + compare.length) * steps.long + steps.instruct
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
    ['a step', `${secondsPerStep.toPrecision(3)} s, ${whole(length / secondsPerStep)} tokens/s, measured`],
    [
      'continued pretraining',
      `${steps.long} steps, ${whole(steps.long * length)} tokens${compare.length > 0 ? `; as many with ${compare.join(', ')}` : ''}`,
    ],
    ['instruction tuning', steps.instruct > 0 ? `${steps.instruct} steps` : 'none'],
    ['in all', `${flops.toExponential(1)} FLOPs, ${((all * secondsPerStep) / 3600).toPrecision(2)} hours, and what measuring takes`],
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
