import '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { train } from 'trainer'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, makeParams, resumeIn, runIn, settings, timeless, valuesOf, withFolder } from './support.ts'

beforeAll(async () => {
  await tf.setBackend('wasm')
})
afterAll(async () => {
  await tf.setBackend('cpu')
})

it('trains on wasm as on cpu', async () => {
  const trained = async (backend: string) => {
    await tf.setBackend(backend)
    const params = makeParams()
    const reports = await collect(train(settings(params, { totalSteps: 20, clipNorm: 0.3, gradientAccumulation: 2 })))
    const values = valuesOf(params)
    tf.dispose(params)
    return { losses: reports.map(({ loss }) => loss), values }
  }
  const [cpu, wasm] = [await trained('cpu'), await trained('wasm')]
  // float32 sums in another order, over twenty steps of Adam, which divides by small second moments
  expectClose(wasm.losses, cpu.losses, { rtol: 1e-4 })
  for (const name of Object.keys(cpu.values)) expectClose(wasm.values[name]!, cpu.values[name]!, { atol: 1e-4 })
})

it('keeps tensors and heap constant over 50 steps', () =>
  expectNoLeaks(async () => {
    const params = makeParams()
    const { memory } = (tf.backend() as unknown as { wasm: { asm: { memory: WebAssembly.Memory } } }).wasm.asm
    const counts: string[] = []
    for await (const _ of train(settings(params, { totalSteps: 50 }))) counts.push(`${tf.memory().numTensors} ${memory.buffer.byteLength}`)
    expect(new Set(counts.slice(1)).size).toBe(1)
    return params
  }))

it('resumes to the last bit', () =>
  withFolder(async (dir) => {
    const whole = await runIn(`${dir}/whole`)
    await runIn(`${dir}/cut`, { stopAfter: 5 })
    const resumed = await resumeIn(`${dir}/cut`)
    expect(resumed.from).toBe('step-00000003')
    expect(resumed.values).toEqual(whole.values)
    expect(timeless(resumed.reports)).toEqual(timeless(whole.reports.slice(3)))
    expect(resumed.metrics).toBe(whole.metrics)
  }))
