import { type ActivationCheckpointing, checkpointedLayers } from './activation-checkpointing.ts'
import { checkConfig, type LlamaConfig } from './config.ts'
import { loraShapes } from './lora/lora-config.ts'
import { microBatchPeak } from './memory-step.ts'
import { paramShapes } from './params.ts'

export interface MemoryPlanOptions {
  readonly config: LlamaConfig
  /** Tokens of a row. */
  readonly rowLength: number
  /** Rows of a micro-batch. */
  readonly batchSize: number
  /** Micro-batches of a step; default 1. */
  readonly gradientAccumulation?: number
  /** Numbers that the optimizer keeps for one that it trains: 2 for AdamW (default), 1 for SGD with momentum, 0 for SGD. */
  readonly optimizerMoments?: number
  /** As `trainable` of trainer's `train`; default all. */
  readonly trainable?: (name: string) => boolean
  /** As in `loss`; 'fit' (default): as few layers as `heapBytes` asks for. */
  readonly activationCheckpointing?: ActivationCheckpointing | 'fit'
  /** Default 4 GiB, the most that tfjs-wasm can have. */
  readonly heapBytes?: number
}

export interface MemoryPlan {
  /** Most that tensors and scratch take at a time. */
  readonly peakBytes: number
  /** Of it parameters, optimizer state and accumulated gradients, which stay from one micro-batch to the next. */
  readonly stateBytes: number
  /** How large the heap of tfjs-wasm grows for that. */
  readonly heapBytes: number
  /** For `loss`; undefined where every layer can keep what it computes. */
  readonly activationCheckpointing: ActivationCheckpointing | undefined
}

/** tfjs-wasm and the kernels before the first tensor; a heap grows in steps of up to a fifth, and loses some of it between its blocks. */
const heapFor = (bytes: number): number => Math.round(18 * 2 ** 20 + 1.12 * bytes)
const scratchBytes = 1.5 * 2 ** 20 // of the kernels, kept all the time

/**
 * How much of tfjs-wasm's heap a training step takes, with the kernels of llama-kernels-tfjs and flash-attn-tfjs, before anything runs;
 * within 15 % of what was measured on Llamas with and without checkpointing, accumulation, frozen parameters, LoRAs, biases, and norms of
 * query and key (test/memory-plan.test.ts). Without the kernels it takes more. Pass the result to `loss`.
 *
 * @throws RangeError where it does not fit, naming what would: shorter rows, fewer of them, or the number of layers
 */
export function memoryPlan(options: MemoryPlanOptions): MemoryPlan {
  const { config, activationCheckpointing = 'fit', heapBytes = 2 ** 32 } = options
  checkConfig('memoryPlan', config)
  for (const key of ['rowLength', 'batchSize', 'gradientAccumulation'] as const) {
    const value = options[key] ?? 1
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`memoryPlan: ${key} is ${value}; it must be a whole number ≥ 1.`)
  }
  if (activationCheckpointing !== 'fit') return fitting(planWith(options, activationCheckpointing), options, heapBytes)
  const plans = (first: number) => planWith(options, first === 0 ? undefined : { first })
  let first = 0
  while (first < config.numLayers && plans(first).heapBytes > heapBytes) first++
  return fitting(plans(first), options, heapBytes)
}

function planWith(options: MemoryPlanOptions, activationCheckpointing: ActivationCheckpointing | undefined): MemoryPlan {
  const { config, gradientAccumulation = 1, optimizerMoments = 2, trainable = () => true } = options
  const isCheckpointed = checkpointedLayers('memoryPlan', activationCheckpointing)
  const shapes = [...paramShapes(config), ...loraShapes(config)].map(([name, shape]) => ({
    name,
    size: shape.reduce((product, size) => product * size),
  }))
  const sum = (some: readonly { size: number }[]) => some.reduce((total, { size }) => total + size, 0)
  const learning = shapes.filter(({ name }) => trainable(name))
  if (learning.length === 0) throw new RangeError('memoryPlan: trainable is false for every parameter; let at least one learn.')
  const [all, learnt] = [sum(shapes), sum(learning)]
  const layers = learning.map(({ name }) =>
    Number(/^model\.layers\.(\d+)\./.exec(name)?.[1] ?? (name.includes('embed') ? 0 : config.numLayers)),
  )
  const firstTrainable = Math.min(config.numLayers, ...layers)
  const state = all + optimizerMoments * learnt + (gradientAccumulation > 1 ? learnt : 0)
  const update = learnt + 3 * Math.max(...learning.map(({ size }) => size)) // a new parameter and its new moments, or SGD's temporaries
  const peak = state + Math.max(microBatchPeak({ ...options, trainable, isCheckpointed, firstTrainable }), update)
  const peakBytes = 4 * peak + scratchBytes
  return { peakBytes, stateBytes: 4 * state, heapBytes: heapFor(peakBytes), activationCheckpointing }
}

function fitting(plan: MemoryPlan, options: MemoryPlanOptions, heapBytes: number): MemoryPlan {
  if (plan.heapBytes <= heapBytes) return plan
  const { rowLength, batchSize, config } = options
  const size = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
  const fits = (rows: number, length: number) =>
    planWith({ ...options, batchSize: rows, rowLength: length }, { every: 1 }).heapBytes <= heapBytes
  const rows = mostOf(batchSize, (rows) => fits(rows, rowLength))
  const length = mostOf(rowLength, (length) => fits(1, length))
  const isFull = plan.activationCheckpointing !== undefined && allLayers(plan.activationCheckpointing, config.numLayers)
  const again = isFull ? '' : 'activationCheckpointing { every: 1 }'
  const remedy =
    rows > 0
      ? `${rows} ${rows === 1 ? 'row' : 'rows'} of ${rowLength} would fit with ${again && `${again} and `}more gradientAccumulation.`
      : length > 0
        ? `One row of ${length} tokens would fit${again && ` with ${again}`}.`
        : `Parameters and optimizer state alone take ${size(plan.stateBytes)}: train fewer parameters, or a smaller model.`
  throw new RangeError(
    `memoryPlan: ${batchSize} × ${rowLength} tokens need ${size(plan.heapBytes)} of a heap of ${size(heapBytes)}. ${remedy}`,
  )
}

const allLayers = (choice: ActivationCheckpointing, numLayers: number): boolean =>
  'every' in choice ? choice.every === 1 : choice.first >= numLayers

/** The largest whole number up to `limit` that fits, 0 for none; whatever is smaller fits too. */
function mostOf(limit: number, fits: (value: number) => boolean): number {
  let [good, bad] = [0, limit + 1]
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (fits(middle)) good = middle
    else bad = middle
  }
  return good
}
