import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { shareWasmHeap } from 'wasm-heap-tfjs'

/** Starts the wasm backend on a shared heap, so that kernels may use threads. */
export async function startWasm(): Promise<void> {
  if (!(await shareWasmHeap(wasm))) throw new Error('this Node has no shared memory')
  await tf.setBackend('wasm')
}

/** Bytes of the wasm heap, which never shrinks. */
export function heapBytes(): number {
  const { asm } = (tf.backend() as unknown as { wasm: { asm: { memory: WebAssembly.Memory } } }).wasm
  return asm.memory.buffer.byteLength
}

/**
 * Counts what tfjs and the kernels allocate in the heap; can refuse an allocation. Call it before `registerFlashAttention`, which
 * remembers the heap's allocator.
 */
export function watchHeap() {
  const { wasm } = tf.backend() as unknown as { wasm: { _malloc(bytes: number): number; _free(address: number): void } }
  wasm._free(wasm._malloc(8)) // Emscripten's stubs replace themselves at the first call
  const { _malloc, _free } = wasm
  const sizes = new Map<number, number>()
  let live = 0
  let peak = 0
  let count = 0
  let refused = Number.NaN
  wasm._malloc = (bytes) => {
    if (count++ === refused) return 0
    const address = _malloc(bytes)
    sizes.set(address, bytes)
    live += bytes
    peak = Math.max(peak, live)
    return address
  }
  wasm._free = (address) => {
    live -= sizes.get(address) ?? 0
    sizes.delete(address)
    _free(address)
  }
  return {
    /** Bytes allocated and not freed. */
    live: () => live,
    /** Most bytes that `body` adds at once. */
    peak(body: () => void): number {
      const before = live
      peak = live
      body()
      return peak - before
    },
    /** How many allocations `body` makes. */
    count(body: () => void): number {
      count = 0
      body()
      return count
    },
    /** Runs `body`, whose n-th allocation finds the heap full. */
    withFailure(n: number, body: () => void): void {
      count = 0
      refused = n
      try {
        body()
      } finally {
        refused = Number.NaN
      }
    },
  }
}
