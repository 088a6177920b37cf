import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { loadCheckpoint, metricsLog, type StepReport, saveCheckpoint, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, makeParams, meanSquare, settings, withFolder } from './support.ts'

describe('the checkpoint folder is checked before the first step', () => {
  const refuses = (dir: string, message: string) =>
    expectNoLeaks(async () => {
      const params = makeParams()
      let steps = 0
      const loss: typeof meanSquare = (...args) => {
        steps++
        return meanSquare(...args)
      }
      await expect(collect(train(settings(params, { loss, checkpoint: { dir, every: 1 } })))).rejects.toThrow(message)
      expect(steps).toBe(0)
      return params
    })

  it('read-only', () =>
    withFolder(async (dir) => {
      const isRoot = process.geteuid?.() === 0 // whom permissions do not stop
      await chmod(dir, 0o555)
      if (isRoot) process.seteuid!(65534)
      try {
        await refuses(
          join(dir, 'run'),
          `train: cannot write checkpoint.dir ${dir}/run (EACCES): the folder is read-only. Choose one this process may write to. No step was made.`,
        )
      } finally {
        if (isRoot) process.seteuid!(0)
        await chmod(dir, 0o755)
      }
    }))

  it('a file in the way', () =>
    withFolder(async (dir) => {
      await writeFile(join(dir, 'file'), '')
      await refuses(join(dir, 'file'), '): a file is in the way. Choose another folder. No step was made.')
    }))

  it('with checkpoints of another run', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      await collect(train(settings(params, { totalSteps: 4, checkpoint: { dir, every: 2 } })))
      const remedy = "To go on from there pass resume: 'latest'; to start over choose an empty folder."
      await refuses(dir, `train: checkpoint.dir holds ${dir}/step-00000004, the run starts at step 0. ${remedy}`)
      expect(await readdir(dir)).toEqual(['step-00000002', 'step-00000004'])
      tf.dispose(params)
    }))
})

describe('resume', () => {
  it('refuses a checkpoint that does not fit, and leaves both sides alone', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      await collect(train(settings(params, { totalSteps: 4, checkpoint: { dir, every: 4 } })))
      const resume = await loadCheckpoint(join(dir, 'step-00000004'))
      const from = `train: resume (${dir}/step-00000004)`
      const sgd = { name: 'sgd', settings: {}, init: () => ({}), update: () => ({ param: tf.zeros([1]), state: {} }) }
      const { 'in.bias': bias, ...fewer } = params
      const cases = [
        [{ totalSteps: 3 }, 'train: resume is at step 4, totalSteps is 3; it counts the whole run. Pass at least 4.'],
        [{ optimizer: sgd }, `${from} holds the state of optimizer 'adamw', the run uses 'sgd'; use the same.`],
        [{ params: fewer }, `${from} has other parameters: missing none, not in params 'in.bias'. Build the same model.`],
        [
          { params: { ...params, 'in.bias': params['in.weight']! } },
          `${from}: 'in.bias' has shape [6], in params [4,6]. Build the same model.`,
        ],
        [
          { optimizer: { ...sgd, name: 'adamw' } },
          `${from}: the optimizer state of 'in.bias' is [["moment1",[6]],["moment2",[6]]], 'adamw' keeps [];`,
        ],
      ] as const
      for (const [options, message] of cases)
        await expect((async () => collect(train(settings(params, { resume, ...options }))))()).rejects.toThrow(message)
      expect(Object.values(params).some((param) => param.isDisposed)).toBe(false)
      // then it still can be used, once, by a run that is already at its end
      expect(await collect(train(settings(params, { resume, totalSteps: 4 })))).toEqual([])
      expect(params).toEqual(resume.params)
      const again = collect(train(settings(params, { resume, totalSteps: 5 })))
      await expect(again).rejects.toThrow(`${from}: 'in.bias' is disposed; a checkpoint can be resumed once. Call loadCheckpoint again.`)
      expect(bias!.isDisposed).toBe(true)
      tf.dispose(params)
    }))

  it('keeps the number of updates apart from the step when steps were skipped', () =>
    withFolder(async (dir) => {
      const params = makeParams()
      let calls = 0
      const loss: typeof meanSquare = (p, b) => tf.mul(meanSquare(p, b), calls++ === 1 ? Number.NaN : 1)
      await collect(train(settings(params, { loss, totalSteps: 2, faults: { nonFinite: 'skip' }, checkpoint: { dir, every: 1 } })))
      const { step, updates, report, params: saved, optimizerState } = await loadCheckpoint(join(dir, 'step-00000002'))
      expect({ step, updates, loss: report!.loss, skipped: report!.skipped }).toEqual({
        step: 2,
        updates: 1,
        loss: Number.NaN,
        skipped: 'the loss is NaN',
      })
      tf.dispose([params, saved, optimizerState])
    }))
})

describe('saveCheckpoint', () => {
  it.each([
    [{ at: undefined }, 'saveCheckpoint: data.at is undefined; only plain JSON survives a checkpoint'],
    [[1, [Number.NaN]], 'saveCheckpoint: data.1.0 is NaN;'],
    [{ rows: new Int32Array(2) }, 'saveCheckpoint: data.rows is Int32Array;'],
    [new Map(), 'saveCheckpoint: data is Map;'],
  ])('refuses data that JSON would change: %o', (data, message) =>
    withFolder(async (dir) => {
      const params = makeParams()
      await expect(collect(train(settings(params, { checkpoint: { dir, every: 1, data: () => data as never } })))).rejects.toThrow(message)
      expect(await readdir(dir)).toEqual([])
      tf.dispose(params)
    }),
  )

  it('refuses what would not come back: dtypes and names', () =>
    withFolder(async (dir) => {
      const base = { step: 1, updates: 1, optimizer: { name: 'x', settings: {} }, report: null, data: null, metadata: null }
      const params = { w: tf.zeros([1]) }
      const flag = tf.tensor1d([true], 'bool')
      const save = (state: object) => saveCheckpoint(dir, { ...base, params, optimizerState: { w: state as never } })
      await expect(save({ flag })).rejects.toThrow("saveCheckpoint: tensor 'w.flag' (bool) cannot be saved; float32 and int32 can.")
      await expect(save({ 'a.b': params.w })).rejects.toThrow(
        "saveCheckpoint: optimizer state 'a.b' of 'w' has a dot in its name; rename it.",
      )
      expect(await readdir(dir)).toEqual([])
      tf.dispose([params, flag])
    }))
})

describe('metricsLog', () => {
  const report = (step: number): StepReport => ({
    step,
    loss: 1 / step,
    learningRate: 0.1,
    gradientNorm: 1,
    clipped: false,
    tokens: 0,
    milliseconds: 5,
  })
  const stepsIn = async (file: string) => (await readFile(file, 'utf8')).split('\n').map((line) => line && JSON.parse(line).step)

  it('starts empty, appends a line per report, drops what lies beyond the resumed step', () =>
    withFolder(async (dir) => {
      const file = join(dir, 'deep/metrics.jsonl')
      const log = await metricsLog(file)
      for (const step of [1, 2, 3, 4, 5]) await log(report(step))
      expect(await readFile(file, 'utf8')).toMatch(/^\{"step":1,"loss":1,"learningRate":0\.1,.*\}\n/)
      await writeFile(file, '{"step":6,"lo', { flag: 'a' }) // killed in the middle of a line
      await (await metricsLog(file, { resume: { step: 3, report: report(3) } }))(report(4))
      expect(await stepsIn(file)).toEqual([1, 2, 3, 4, ''])
      await metricsLog(file, { resume: { step: 5, report: report(5) } })
      expect(await stepsIn(file)).toEqual([1, 2, 3, 4, 5, ''])
      await metricsLog(file)
      expect(await readFile(file, 'utf8')).toBe('')
    }))

  it('writes what line() makes of a report, on resume too, and nothing for undefined', () =>
    withFolder(async (dir) => {
      const file = join(dir, 'metrics.jsonl')
      const line = ({ step }: StepReport) => (step % 2 === 0 ? { stage: 'pretrain', step } : undefined)
      const log = await metricsLog(file, { line })
      for (const step of [1, 2, 3]) await log(report(step))
      await metricsLog(file, { line, resume: { step: 4, report: report(4) } })
      expect(await readFile(file, 'utf8')).toBe('{"stage":"pretrain","step":2}\n{"stage":"pretrain","step":4}\n')
    }))

  it('refuses to go on in a file that is something else', () =>
    withFolder(async (dir) => {
      const file = join(dir, 'notes.txt')
      await mkdir(dir, { recursive: true })
      await writeFile(file, 'shopping list\n')
      const resumed = metricsLog(file, { resume: { step: 1, report: null } })
      await expect(resumed).rejects.toThrow(`metricsLog: ${file}:1 holds no JSON with a step: shopping list. Move the file away`)
      expect(await readFile(file, 'utf8')).toBe('shopping list\n')
    }))
})
