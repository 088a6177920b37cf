// Chooses the tfjs engine: the best that loads, or the one asked for.
import { availableParallelism } from 'node:os'
import * as tf from '@tensorflow/tfjs'
import * as wasmBackend from '@tensorflow/tfjs-backend-wasm'
import { registerFlashAttention as registerNative } from 'flash-attn-tfjs/node'
import { registerFlashAttention } from 'flash-attn-tfjs/wasm'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { shareWasmHeap, wasmHeap } from 'wasm-heap-tfjs'
import type { Settings } from './settings.ts'

type EngineName = Settings['engine']

export interface Engine {
  /** One line for a person: engine, threads, kernels. */
  readonly description: string
  /** Bytes the engine holds now: the wasm heap, with tfjs-node the whole process, else what tfjs counts. */
  bytes(): number
  /**
   * A new heap, where the engine has one that only grows and that many sizes have cut up: for what fills most of it. Throws an Error while
   * there are tensors, which would be lost.
   */
  restart(): Promise<void>
}

const remedies = {
  node: 'install it: `pnpm --filter @example/recipes add @tensorflow/tfjs-node` (Node ≤ 22)',
  'node-gpu': 'install it: `pnpm --filter @example/recipes add @tensorflow/tfjs-node-gpu` (Linux, CUDA, Node ≤ 22)',
  webgpu: 'install it: `pnpm --filter @example/recipes add webgpu @tensorflow/tfjs-backend-webgpu`, and a Vulkan driver',
  wasm: 'it needs WebAssembly SIMD',
  cpu: '',
}

/** Starts `name`. With 'auto' tries node-gpu, node, wasm, cpu and takes the first that loads. Throws naming what is missing and how to get it. */
export async function startEngine(name: EngineName, threads = availableParallelism()): Promise<Engine> {
  if (name !== 'auto') {
    try {
      return await starters[name](threads)
    } catch (error) {
      throw new Error(
        `--engine ${name}: it does not load (${firstLine(error)}); ${remedies[name]} or leave --engine out to take the best that loads`,
        { cause: error },
      )
    }
  }
  // not webgpu: Dawn comes with this workspace for its tests, and may find only a software adapter, slower than wasm
  for (const candidate of ['node-gpu', 'node', 'wasm'] as const) {
    try {
      return await starters[candidate](threads)
    } catch {
      // not installed or not usable here: the next one
    }
  }
  return starters.cpu(threads)
}

const firstLine = (error: unknown) => String(error instanceof Error ? error.message : error).split('\n')[0]

/** Engines that give memory back. */
const ordinary = { bytes: () => tf.memory().numBytes, restart: async () => {} }

// optional packages: their names are variables, so that type checking does not ask for them
async function native(packageName: string, threads: number): Promise<Engine> {
  await import(packageName)
  await tf.ready()
  if (tf.getBackend() !== 'tensorflow') throw new Error(`the tfjs backend is ${tf.getBackend()}, not tensorflow`)
  const { simd } = registerNative({ threads })
  const attention = simd === 'none' ? '' : `, our attention (${simd})`
  return {
    description: `${packageName}, TensorFlow's C library${attention}${keepsMemory() ? '' : `; faster with ${keepMemory}`}`,
    ...ordinary,
    // the C library keeps more than tfjs counts; on a GPU it is not in this process's memory
    ...(packageName.endsWith('-gpu') ? {} : { bytes: () => process.memoryUsage.rss() }),
  }
}

// else glibc returns every large tensor to the system, and a step on long rows spends a third of its time on new pages
const keepMemory = 'MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=100000000000'
const keepsMemory = () => process.platform !== 'linux' || process.env.MALLOC_MMAP_THRESHOLD_ !== undefined

/** tfjs-backend-wasm with a new heap, and our kernels on it. */
async function startWasm(threads: number) {
  const shared = threads > 1 && (await shareWasmHeap(wasmBackend))
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs-backend-wasm did not start')
  const options = { threads: shared ? threads : 1 }
  const training = registerTrainingKernels(options)
  const attention = registerFlashAttention(options)
  return {
    ...training,
    unregister() {
      attention.unregister()
      training.unregister()
    },
  }
}

const starters: Record<Exclude<EngineName, 'auto'>, (threads: number) => Promise<Engine>> = {
  'node-gpu': (threads) => native('@tensorflow/tfjs-node-gpu', threads),
  node: (threads) => native('@tensorflow/tfjs-node', threads),
  async webgpu(): Promise<Engine> {
    const packages = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const
    const dawn: { create(options: string[]): object; globals: object } = await import(packages[0])
    Object.assign(globalThis, dawn.globals)
    Object.defineProperty(globalThis.navigator ?? Object.assign(globalThis, { navigator: {} }).navigator, 'gpu', {
      value: dawn.create([]),
      configurable: true,
    })
    await import(packages[1])
    if (!(await tf.setBackend('webgpu'))) throw new Error('no WebGPU adapter')
    return { description: 'WebGPU through Dawn', ...ordinary }
  },
  async wasm(threads: number): Promise<Engine> {
    let started = await startWasm(threads)
    const { simd, threads: own } = started
    return {
      description: `tfjs-backend-wasm with our kernels (${simd === 'relaxed' ? 'relaxed SIMD' : 'SIMD'}, ${own} thread${own === 1 ? '' : 's'})`,
      bytes: () => wasmHeap(tf.backend()).memory.buffer.byteLength,
      async restart() {
        const { numTensors } = tf.memory()
        if (numTensors > 0) throw new Error(`the wasm heap cannot be made anew: it holds ${numTensors} tensors`)
        started.unregister()
        const factory = tf.findBackendFactory('wasm')
        tf.removeBackend('wasm')
        tf.registerBackend('wasm', factory)
        started = await startWasm(threads)
      },
    }
  },
  async cpu(): Promise<Engine> {
    await tf.setBackend('cpu')
    return { description: 'tfjs plain JavaScript (slow; for checks)', ...ordinary }
  },
}
