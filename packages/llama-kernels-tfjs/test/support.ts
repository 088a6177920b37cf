import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { type KernelOptions, type RegisteredKernels, registerTrainingKernels } from 'llama-kernels-tfjs'
import { afterEach } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'

/** The wasm backend on a shared heap; once per test file. */
export async function startWasm(): Promise<void> {
  await shareWasmHeap(wasm)
  await tf.setBackend('wasm')
}

/** Every way the kernels can run: one and two threads, both builds. */
export const ways = [
  { threads: 1, simd: 'simd' },
  { threads: 1, simd: 'relaxed' },
  { threads: 2, simd: 'simd' },
  { threads: 2, simd: 'relaxed' },
] as const

/** A linear congruential generator: the same numbers in every run, in (−1, 1). */
export function numbers(seed: number): (size: number, scale?: number) => Float32Array {
  let state = seed
  return (size, scale = 1) =>
    Float32Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return scale * (state / 2 ** 31 - 1)
    })
}

export const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)

/** Whether two arrays are the same to the last bit. */
export const sameBits = (a: ArrayBufferView, b: ArrayBufferView) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength))

/** Half a unit in the last place of float32, relative. */
export const u = 2 ** -24

let current: RegisteredKernels | undefined

/** Registers kernels until the test ends, or the next call. */
export function register(options?: KernelOptions): RegisteredKernels {
  current?.unregister()
  current = registerTrainingKernels(options)
  return current
}

afterEach(() => {
  current?.unregister()
  current = undefined
})
