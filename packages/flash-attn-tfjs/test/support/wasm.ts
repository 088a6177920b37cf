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
