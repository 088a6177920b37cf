import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type LlamaConfig, loadPretrained, type Params, type SaveOptions, savePretrained } from 'llama-model'
import { expect } from 'vitest'
import { wasmHeap } from 'wasm-heap-tfjs'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { makeParams, smallConfig, withFolder } from './support.ts'

export const valuesOf = (params: Params) => Object.entries(params).map(([name, param]) => [name, param.shape, Array.from(param.dataSync())])
export const sorted = async (dir: string) => (await readdir(dir)).sort()

/** Saves a model into a fresh folder and runs `body` there. */
export const saved = (body: (dir: string, params: Params) => Promise<void>, options: Partial<SaveOptions> = {}) =>
  withFolder((folder) =>
    expectNoLeaks(async () => {
      const config = options.config ?? smallConfig
      const params = makeParams(config)
      const dir = join(folder, 'model')
      await savePretrained(dir, { params, config, ...options })
      await body(dir, params)
      return params
    }),
  )

/** Saves a model with a matrix of 22 MB, more than is read at once, and reads it into a heap that has to grow for it. */
export async function expectSameOnWasm(isShared: boolean): Promise<void> {
  const config: LlamaConfig = { ...smallConfig, vocabSize: 280_000, tieWordEmbeddings: true }
  const bytes = (param: tf.Tensor) => Buffer.from(new Uint8Array(param.dataSync<'float32'>().buffer))
  await saved(
    async (dir, params) => {
      const { memory, shared } = wasmHeap(tf.backend())
      expect(shared).toBe(isShared)
      const before = memory.buffer.byteLength
      const loaded = await loadPretrained(dir)
      expect(memory.buffer.byteLength).toBeGreaterThan(before)
      expect(Object.keys(loaded.params).sort()).toEqual(Object.keys(params).sort())
      for (const [name, param] of Object.entries(params)) expect(bytes(loaded.params[name]!).equals(bytes(param)), name).toBe(true)
      tf.dispose(loaded.params)
    },
    { config },
  )
}
