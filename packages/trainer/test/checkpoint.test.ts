import fs from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { latestCheckpoint, loadCheckpoint, saveCheckpoint, train } from 'trainer'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, makeParams, numbers, resumeIn, runIn, settings, timeless, valuesOf, withFolder } from './support.ts'

afterEach(() => vi.restoreAllMocks())

describe('checkpoints', () => {
  it('hold what was saved: weights, moments, data, report', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      const reports = await collect(
        train(settings(params, { totalSteps: 2, checkpoint: { dir, every: 2, data: () => ({ at: [1, 'two'] }), metadata: 'm' } })),
      )
      const { path, step, skipped } = await latestCheckpoint(dir)
      expect([step, skipped, path]).toEqual([2, [], reports[1]!.checkpoint])
      expect((await fs.readdir(path!)).sort()).toEqual(['model.safetensors', 'optimizer.safetensors', 'trainer.json'])
      await expectNoLeaks(async () => {
        const loaded = await loadCheckpoint(path!)
        expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
        expect(Object.keys(loaded.optimizerState).sort()).toEqual(Object.keys(params).sort())
        expect(Object.keys(loaded.optimizerState['in.bias']!).sort()).toEqual(['moment1', 'moment2'])
        expect(loaded).toMatchObject({ step: 2, updates: 2, data: { at: [1, 'two'] }, metadata: 'm', report: reports[1] })
        return [loaded.params, loaded.optimizerState]
      })
      tf.dispose(params)
    }))

  it('write safetensors that follow the format', () =>
    withFolder(async (dir) => {
      const params = { b: tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]), a: tf.scalar(-0.5) }
      const state = { params, optimizerState: {}, optimizer: { name: 'none', settings: {} }, report: null, data: null, metadata: null }
      const bytes = await fs.readFile(join(await saveCheckpoint(dir, { ...state, step: 1, updates: 1 }), 'model.safetensors'))
      const length = Number(bytes.readBigUInt64LE(0))
      expect(length % 8).toBe(0)
      expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
        __metadata__: { format: 'pt' },
        a: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
        b: { dtype: 'F32', shape: [2, 3], data_offsets: [4, 28] },
      })
      expect(Array.from({ length: 7 }, (_, i) => bytes.readFloatLE(8 + length + 4 * i))).toEqual([-0.5, 1, 2, 3, 4, 5, 6])
      expect(bytes.length).toBe(8 + length + 28)
      tf.dispose(params)
    }))

  it.each([1, 3, 4, 5, 6, 7])('a run stopped after step %i and resumed equals the uninterrupted one to the last bit', (stopAfter) =>
    expectNoLeaks(() =>
      withFolder(async (dir) => {
        const whole = await runIn(join(dir, 'whole'))
        await runIn(join(dir, 'cut'), { stopAfter })
        const resumed = await resumeIn(join(dir, 'cut'))
        expect(resumed.values).toEqual(whole.values)
        expect(timeless(resumed.reports)).toEqual(timeless(whole.reports.slice(3 * Math.floor(stopAfter / 3))))
        expect(resumed.metrics).toBe(whole.metrics)
      }),
    ),
  )

  it('come every so many steps and after the last; the newest keepLast stay', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      await collect(train(settings(params, { checkpoint: { dir, every: 3, keepLast: 2 } })))
      expect(await fs.readdir(dir)).toEqual(['step-00000006', 'step-00000008'])
      tf.dispose(params)
    }))

  it('a save that dies at any file operation leaves the one before it whole', () =>
    withFolder(async (dir) => {
      const names = ['mkdir', 'open', 'rename', 'rm'] as const
      for (let deadAfter = 0; ; deadAfter++) {
        const at = join(dir, String(deadAfter))
        const params = makeParams()
        const before = await collect(train(settings(params, { totalSteps: 1, checkpoint: { dir: at, every: 1 } })))
        const state = await loadCheckpoint(before[0]!.checkpoint!)
        let left = deadAfter
        const spies = names.map((name) => {
          const real = fs[name] as (...args: unknown[]) => Promise<unknown>
          return vi
            .spyOn(fs, name)
            .mockImplementation(((...args: unknown[]) => (left-- > 0 ? real(...args) : Promise.reject(new Error('dead')))) as never)
        })
        const saved = await saveCheckpoint(at, { ...state, step: 2 }).then(
          () => true,
          () => false,
        )
        for (const spy of spies) spy.mockRestore()
        const latest = await latestCheckpoint(at)
        expect(latest.path, `after ${deadAfter} operations`).toBeDefined()
        expect(latest.step === 2 || latest.step === 1).toBe(true)
        if (saved) expect(latest.step).toBe(2)
        // the next save works whatever was left behind, and clears it away
        await saveCheckpoint(at, { ...state, step: 3 }, { keepLast: 1 })
        expect(await fs.readdir(at)).toEqual(['step-00000003'])
        tf.dispose([params, state.params, state.optimizerState])
        if (saved) break
        expect(deadAfter).toBeLessThan(50)
      }
    }))
})

describe('latestCheckpoint', () => {
  const damages: [string, string, (file: string) => Promise<unknown>, RegExp][] = [
    ['cut off', 'model.safetensors', (f) => fs.truncate(f, 100), /model\.safetensors has 100 bytes, not \d+/],
    ['changed', 'optimizer.safetensors', flipLastByte, /sha256 of optimizer\.safetensors is wrong/],
    ['missing', 'model.safetensors', (f) => fs.rm(f), /ENOENT/],
    ['cut off', 'trainer.json', (f) => fs.truncate(f, 100), /trainer\.json cannot be read/],
    ['edited', 'trainer.json', async (f) => fs.writeFile(f, (await fs.readFile(f, 'utf8')).replace('"step": 6', '"step": 7')), /checksum/],
  ]
  it.each(damages)('passes over a newest one with a %s %s and says so', (_, name, damage, reason) =>
    withFolder(async (dir) => {
      const params = makeParams()
      await collect(train(settings(params, { totalSteps: 6, checkpoint: { dir, every: 3 } })))
      await damage(join(dir, 'step-00000006', name))
      await fs.mkdir(join(dir, 'step-00000009.tmp'))
      const { step, skipped } = await latestCheckpoint(dir)
      expect(step).toBe(3)
      expect(skipped.map(({ path }) => path)).toEqual([join(dir, 'step-00000009.tmp'), join(dir, 'step-00000006')])
      expect(skipped[0]!.reason).toBe('left behind by an interrupted save')
      expect(skipped[1]!.reason).toMatch(reason)
      await expectNoLeaks(async () => {
        await expect(loadCheckpoint(join(dir, 'step-00000006'))).rejects.toThrow()
      })
      // going on from step 3 writes step 6 anew
      const resume = await loadCheckpoint(join(dir, 'step-00000003'))
      await collect(train(settings(params, { totalSteps: 6, resume, checkpoint: { dir, every: 3 } })))
      expect(await latestCheckpoint(dir)).toMatchObject({ step: 6, skipped: [] })
      tf.dispose(params)
    }),
  )

  it('finds none in an empty or missing folder', () =>
    withFolder(async (dir) => {
      for (const at of [dir, join(dir, 'missing')]) expect(await latestCheckpoint(at)).toEqual({ path: undefined, step: 0, skipped: [] })
    }))
})

async function flipLastByte(file: string): Promise<void> {
  const bytes = await fs.readFile(file)
  bytes[bytes.length - 1]! ^= 1
  await fs.writeFile(file, bytes)
}

describe('200 byte flips and truncations over every file of a checkpoint', () => {
  it('are each detected, named and passed over', () =>
    withFolder(async (dir) => {
      await runIn(dir)
      const folder = join(dir, 'checkpoints')
      const [older, newest] = ['step-00000006', 'step-00000008'].map((name) => join(folder, name))
      const random = numbers(11)
      const below = (limit: number) => Math.floor(((random.next() + 1) / 2) * limit)
      for (let i = 0; i < 200; i++) {
        const file = join(newest!, ['model.safetensors', 'optimizer.safetensors', 'trainer.json'][i % 3]!)
        const whole = await fs.readFile(file)
        const damaged = Buffer.from(i % 2 === 0 ? whole : whole.subarray(0, below(whole.length)))
        if (i % 2 === 0) damaged[below(whole.length)]! ^= 1 << below(8)
        await fs.writeFile(file, damaged)
        const { path, skipped } = await latestCheckpoint(folder)
        expect([path, skipped.map((one) => one.path)], `damage ${i} of ${file}`).toEqual([older, [newest]])
        expect(skipped[0]!.reason).toContain(file.endsWith('.json') ? 'trainer.json' : basename(file))
        await expect(loadCheckpoint(newest!)).rejects.toThrow(RangeError)
        await fs.writeFile(file, whole)
      }
      expect((await latestCheckpoint(folder)).path).toBe(newest)
    }))
})
