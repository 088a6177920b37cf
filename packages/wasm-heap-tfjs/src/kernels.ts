import type { WasmHeap } from './heap.ts'
import { shareImportedMemory } from './memory-flag.ts'
import { nodeBuiltin } from './node.ts'
import { tellOneThread } from './one-thread.ts'
import { type Pool, startPool } from './pool.ts'
import { supportsRelaxedSimd } from './relaxed.ts'

/** Two builds of the same kernels, base64: with plain SIMD, and with fused multiply-add. */
export interface KernelBinaries {
  readonly simd: string
  readonly relaxedSimd: string
}

export interface LoadOptions {
  /** Threads, the caller's included. Default: all cores (at most 16) on a shared heap; otherwise 1, which `console.warn` says once. */
  readonly threads?: number
  /** Which build; 'auto' takes relaxed SIMD where the engine has it. */
  readonly simd?: 'auto' | 'relaxed' | 'simd'
}

/** Kernels that work on a heap. */
export interface KernelModule {
  /** The exported functions, for direct calls on the caller's thread. Addresses and counts are integers, results too. */
  readonly exports: Readonly<Record<string, (...args: number[]) => number>>
  /** Threads that take part in `run`; `thread` arguments are below it. */
  readonly threads: number
  readonly simd: 'relaxed' | 'simd'
  /**
   * Calls `exports[name](task, thread, ...args)` for task = 0 … numTasks − 1 on all threads and returns when all are done. Which
   * thread takes which task is left to chance: tasks write disjoint memory, and only scratch may depend on `thread`.
   *
   * @throws TypeError for an unknown name
   * @throws Error when a task failed in a thread, or a thread died
   */
  run(name: string, numTasks: number, args: readonly number[]): void
}

interface Loaded {
  readonly key: string
  readonly module: KernelModule
}
const pools = new WeakMap<WasmHeap, Map<number, Pool>>()
const loaded = new WeakMap<WasmHeap, Loaded[]>()

/**
 * Puts a kernel module on a heap and, where the heap is shared, on the heap's threads. All modules with the same number of threads
 * share one pool; loading the same module again returns the first one. Workers start in the background and join when they are
 * ready; until then the caller's thread does all tasks.
 *
 * @throws RangeError for a number of threads that is not a positive integer, or above 1 on a heap that is not shared
 * @throws Error where the engine cannot compile the wanted build
 */
export function loadKernels(heap: WasmHeap, binaries: KernelBinaries, { threads, simd = 'auto' }: LoadOptions = {}): KernelModule {
  const cores = availableThreads()
  const wanted = threads ?? (heap.shared ? Math.min(16, cores) : 1)
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new RangeError(`loadKernels: threads is ${threads}; it must be a positive integer.`)
  }
  if (wanted > 1 && !heap.shared) {
    throw new RangeError(
      `loadKernels: threads is ${wanted}, but the heap is not shared; await shareWasmHeap(…) before tf.setBackend('wasm'), or use 1 thread.`,
    )
  }
  if (threads === undefined && !heap.shared && cores > 1) tellOneThread()
  const variant = chooseVariant(simd)
  const base64 = variant === 'relaxed' ? binaries.relaxedSimd : binaries.simd
  const key = `${wanted} ${base64}`
  const known = loaded.get(heap) ?? []
  loaded.set(heap, known)
  const found = known.find((entry) => entry.key === key)
  if (found) return found.module
  const module = instantiate(heap, decode(base64), poolOf(heap, wanted), variant)
  known.push({ key, module })
  return module
}

function instantiate(heap: WasmHeap, bytes: Uint8Array<ArrayBuffer>, pool: Pool, simd: 'relaxed' | 'simd'): KernelModule {
  const binary = heap.shared ? shareImportedMemory(bytes) : bytes
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory: heap.memory } })
  const exports = instance.exports as KernelModule['exports']
  const indexOf = new Map(Object.keys(exports).map((name, index) => [name, index]))
  const moduleIndex = pool.add(binary)
  return {
    exports,
    simd,
    get threads() {
      return pool.threads // 1 once a worker has died
    },
    run(name, numTasks, args) {
      const kernel = exports[name]
      if (!kernel) throw new TypeError(`KernelModule.run: no kernel '${name}'; there are ${[...indexOf.keys()].join(', ')}.`)
      pool.run(kernel, moduleIndex, indexOf.get(name)!, numTasks, args)
    },
  }
}

function poolOf(heap: WasmHeap, threads: number): Pool {
  const ofHeap = pools.get(heap) ?? new Map<number, Pool>()
  pools.set(heap, ofHeap)
  const known = ofHeap.get(threads)
  if (known) return known
  const pool = startPool(heap, threads)
  heap.whenDisposed(pool.stop)
  ofHeap.set(threads, pool)
  return pool
}

function chooseVariant(simd: 'auto' | 'relaxed' | 'simd'): 'relaxed' | 'simd' {
  if (simd === 'simd') return 'simd'
  if (supportsRelaxedSimd()) return 'relaxed'
  if (simd === 'auto') return 'simd'
  throw new Error(`loadKernels: this engine does not compile relaxed SIMD; use simd: 'auto' or 'simd'.`)
}

const availableThreads = () => nodeBuiltin('os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1

const decode = (base64: string) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
