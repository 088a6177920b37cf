/**
 * One training step of the recipe (loss and gradients of llama-model, clipping and AdamW of trainer): tokens per second of this
 * repository's engine against the same code on tfjs as it ships, and against the step as tfjs users write it, on every engine there is.
 * All contestants take turns within one process; medians. tfjs-node takes part once `bench/setup-peers` has run.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import * as tf from '@tensorflow/tfjs'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { type Batch, initParams, type LlamaConfig, llamaConfig, loss, type Params } from 'llama-model'
import { type StepReport, train } from 'trainer'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { naiveLoss } from './naive-llama.ts'

interface Step {
  readonly batchSize: number
  readonly length: number
  readonly channels: number
  readonly mlp: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocabulary: number
}
/** The recipe's model at its two lengths, and two larger ones. */
const steps: readonly Step[] = [
  { batchSize: 8, length: 128, channels: 64, mlp: 192, layers: 3, heads: 2, kvHeads: 1, vocabulary: 1024 },
  { batchSize: 1, length: 1024, channels: 64, mlp: 192, layers: 3, heads: 2, kvHeads: 1, vocabulary: 1024 },
  { batchSize: 8, length: 256, channels: 128, mlp: 352, layers: 4, heads: 4, kvHeads: 4, vocabulary: 2048 },
  { batchSize: 1, length: 1024, channels: 256, mlp: 688, layers: 4, heads: 4, kvHeads: 4, vocabulary: 4096 },
]
const rounds = 5
const patience = 20_000 // ms that a contestant may take in all, after its first step
const tooSlow = 12_000 // ms a step, after which a contestant is left out of the larger models

interface Contestant {
  readonly name: string
  readonly backend: string
  readonly loss: typeof loss
  /** Puts kernels in place for one step; returns what takes them away. */
  readonly register: () => () => void
}
const nothing = () => () => {}
/** The gradient of gather, without which nothing naive trains on tfjs-wasm. */
const gatherGradient = () => registerTrainingKernels({ only: ['UnsortedSegmentSum'], threads: 1 }).unregister
const kernels = (threads: number) => () => {
  const registered = [registerTrainingKernels({ threads }), registerFlashAttention({ threads })]
  return () => {
    for (const { unregister } of registered) unregister()
  }
}
const cores = availableParallelism()
const contestants: Contestant[] = [
  { name: `this engine, ${cores} threads`, backend: 'wasm', loss, register: kernels(cores) },
  { name: 'this engine, 1 thread', backend: 'wasm', loss, register: kernels(1) },
  { name: 'tfjs-wasm, as users write it', backend: 'wasm', loss: naiveLoss, register: gatherGradient },
  { name: 'tfjs-wasm, same code', backend: 'wasm', loss, register: nothing },
  { name: 'tfjs cpu, as users write it', backend: 'cpu', loss: naiveLoss, register: nothing },
]

const shared = await shareWasmHeap(wasm)
await tf.setBackend('wasm')
const peers = new URL('../node_modules/.cache/peers/', import.meta.url)
if (existsSync(peers)) {
  createRequire(peers)('@tensorflow/tfjs-node')
  contestants.push({ name: 'tfjs-node, as users write it', backend: 'tensorflow', loss: naiveLoss, register: nothing })
  contestants.push({ name: 'tfjs-node, same code', backend: 'tensorflow', loss, register: nothing })
} else console.log('tfjs-node is not set up; see bench/setup-peers')
const reference = 'tfjs-wasm, as users write it'

console.log(
  `training step on tfjs-wasm ${wasm.version_wasm}, ${cores} cores, heap ${shared ? 'shared' : 'not shared'}; × = times tfjs-wasm as users write it`,
)
let left = contestants
for (const step of steps) left = await compare(left, step)
process.exit() // TensorFlow's threads would keep the process alive

/** Returns who is fast enough for the next step. */
async function compare(
  contestants: readonly Contestant[],
  { batchSize, length, channels, mlp, layers, heads, kvHeads, vocabulary }: Step,
): Promise<Contestant[]> {
  const config = llamaConfig({
    architectures: ['LlamaForCausalLM'],
    vocab_size: vocabulary,
    hidden_size: channels,
    intermediate_size: mlp,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    tie_word_embeddings: true,
  })
  console.log(`\n${batchSize} × ${length} tokens, ${layers} layers of ${channels}, V ${vocabulary}`)
  const runs = contestants.map((contestant) => ({
    contestant,
    losses: [] as number[],
    times: [] as number[],
    generator: start(contestant, config, batchSize, length),
  }))
  for (let round = 0; round < rounds; round++)
    for (const { contestant, losses, times, generator } of runs) {
      if (times.reduce((sum, time) => sum + time, 0) > patience) continue
      await tf.setBackend(contestant.backend)
      const unregister = contestant.register()
      // the first step of a turn finds caches cold and threads asleep; where it takes long, that does not matter
      for (let turn = 0; turn < 3; turn++) {
        const began = performance.now()
        const { value } = await generator.next()
        const time = performance.now() - began
        losses.push((value as StepReport).loss)
        if (turn > 0 || time > 1000) times.push(time)
        if (time > 1000) break
      }
      unregister()
    }
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1]!
  const slow = median(runs.find(({ contestant }) => contestant.name === reference)!.times)
  for (const { contestant, losses, times, generator } of runs) {
    const off = Math.abs(losses[0]! - runs[0]!.losses[0]!)
    if (!(off < 1e-3))
      throw new Error(`${contestant.name}: first loss ${losses[0]}, not ${runs[0]!.losses[0]}: it does not compute the same step`)
    await tf.setBackend(contestant.backend)
    await generator.return(undefined)
    const speed = (1000 * batchSize * length) / median(times)
    console.log(
      `${contestant.name.padEnd(32)}${speed.toFixed(speed < 100 ? 1 : 0).padStart(10)} tokens/s${(slow / median(times)).toFixed(1).padStart(8)} ×   (${times.length} steps)`,
    )
  }
  return runs.filter(({ times }) => median(times) < tooSlow).map(({ contestant }) => contestant)
}

async function* start({ backend, loss }: Contestant, config: LlamaConfig, batchSize: number, length: number): AsyncGenerator<StepReport> {
  await tf.setBackend(backend)
  const params: Params = initParams(config, 1)
  const batches = function* (): Generator<Batch> {
    for (let k = 0; ; k++) {
      const tokens = Int32Array.from({ length: batchSize * length }, (_, i) => ((i + k) * 7919) % config.vocabSize)
      yield { tokens: tf.tensor2d(tokens, [batchSize, length], 'int32') }
    }
  }
  try {
    yield* train<Batch>({
      params,
      loss: (params, batch) => loss(params, config, batch),
      batches: batches(),
      learningRate: () => 1e-3,
      totalSteps: 3 * rounds + 1,
    })
  } finally {
    tf.dispose(params)
  }
}
