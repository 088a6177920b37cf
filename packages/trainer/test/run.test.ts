// A whole run from the options alone: the newest checkpoint, stopping, validation, background saves, one process a folder.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { bestCheckpoint, latestCheckpoint, loadCheckpoint, type Params, type TrainOptions, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { collect, type Example, examples, makeParams, settings, timeless, valuesOf, withFolder } from './support.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Everything from the folder: parameters, optimizer, data. */
function runIn(dir: string, more: Partial<TrainOptions<Example>> = {}, checkpoint: object = {}) {
  const params = makeParams()
  let state = () => 0
  const batches = (data: unknown) => {
    const stream = examples(5, data === null ? 7 : (data as number))
    state = stream.state
    return stream
  }
  return {
    params,
    reports: train(
      settings(params, { batches, resume: 'latest', checkpoint: { dir, every: 3, data: () => state(), ...checkpoint }, ...more }),
    ),
  }
}

describe("resume: 'latest'", () => {
  it('starts, and goes on to the last bit; names what it passed over', () =>
    expectNoLeaks(async () =>
      withFolder(async (dir) => {
        const whole = runIn(join(dir, 'whole'))
        const straight = await collect(whole.reports)
        expect(straight[0]!.resumed).toBeUndefined()
        const cut = runIn(join(dir, 'cut'))
        for await (const { step } of cut.reports) if (step === 7) break
        truncateSync(join(dir, 'cut/step-00000006/optimizer.safetensors'), 100)
        const again = runIn(join(dir, 'cut'))
        const reports = await collect(again.reports)
        expect(reports[0]!.resumed).toEqual({
          from: join(dir, 'cut/step-00000003'),
          skipped: [
            { path: join(dir, 'cut/step-00000006'), reason: expect.stringMatching(/^optimizer.safetensors has 100 bytes, not \d+$/) },
          ],
        })
        expect(timeless(reports)).toEqual(timeless(straight.slice(3)))
        expect(valuesOf(again.params)).toEqual(valuesOf(whole.params))
        return [whole.params, cut.params, again.params]
      }),
    ))

  it('of a finished run makes no step', () =>
    withFolder(async (dir) => {
      const first = runIn(dir)
      await collect(first.reports)
      const second = runIn(dir)
      expect(await collect(second.reports)).toEqual([])
      expect(valuesOf(second.params)).toEqual(valuesOf(first.params))
      tf.dispose([first.params, second.params])
    }))
})

describe('stop', () => {
  it('ends after the step, saved, and the run goes on later as if nothing had been', () =>
    expectNoLeaks(async () =>
      withFolder(async (dir) => {
        const whole = runIn(join(dir, 'whole'))
        await collect(whole.reports)
        const controller = new AbortController()
        const cut = runIn(join(dir, 'cut'), { stop: controller.signal })
        const reports = []
        for await (const report of cut.reports) {
          reports.push(report)
          if (report.step === 3) controller.abort()
        }
        expect(reports.at(-1)).toMatchObject({ step: 4, stopped: 'stop', checkpoint: join(dir, 'cut/step-00000004') })
        const again = runIn(join(dir, 'cut'))
        await collect(again.reports)
        expect(valuesOf(again.params)).toEqual(valuesOf(whole.params))
        return [whole.params, cut.params, again.params]
      }),
    ))

  it.each([
    ['SIGTERM', 1, 143],
    ['SIGINT', 1, 130],
    ['SIGINT', 2, 130],
  ] as const)('%s, %i times', (signal, times, code) =>
    withFolder(async (dir) => {
      const script = fileURLToPath(new URL('./stopped-child.ts', import.meta.url))
      const slow = times === 2 ? 'slow' : ''
      const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@repo/source', script, dir, slow], { cwd: root })
      let [out, err] = ['', '']
      child.stderr.on('data', (text) => {
        err += text
      })
      let sent = false
      child.stdout.on('data', (text) => {
        out += text
        if (sent || !out.includes('step 2')) return
        sent = true
        child.kill(signal)
        if (times === 2) setTimeout(() => child.kill(signal), 300)
      })
      const [exitCode] = await once(child, 'exit')
      expect(exitCode, err).toBe(code)
      expect(err).toBe(`\n${signal}: finishing this step, then saving. Once more ends at once.\n`)
      const { step } = await latestCheckpoint(dir)
      if (times === 1) expect(out).toContain(`stopped after step ${step}`)
      else expect(out).not.toContain('stopped')
    }),
  )
})

describe('validation', () => {
  const losses = [5, 4, 3, 3.5, 3.2, 3.1, 2]
  const validated = (dir: string, patience?: number) => {
    let asked = 0
    const validation = { every: 2, loss: () => losses[asked++]!, ...(patience === undefined ? {} : { patience }) }
    return runIn(dir, { validation, totalSteps: 14 }, { every: 2, keepLast: 1, keepBest: 2 })
  }

  it('is reported, keeps the best checkpoints and finds the best', () =>
    withFolder(async (dir) => {
      const { params, reports } = validated(dir)
      const all = await collect(reports)
      expect(all.filter(({ validationLoss }) => validationLoss).map(({ step, validationLoss }) => [step, validationLoss])).toEqual(
        losses.map((loss, i) => [2 * (i + 1), loss]),
      )
      expect(readdirSync(dir).sort()).toEqual(['step-00000006', 'step-00000014'])
      expect(await bestCheckpoint(dir)).toMatchObject({ path: join(dir, 'step-00000014'), step: 14 })
      tf.dispose(params)
    }))

  it('stops a run that no longer gets better, at the same step when resumed', () =>
    withFolder(async (dir) => {
      const { params, reports } = validated(join(dir, 'whole'), 3)
      const all = await collect(reports)
      expect(all.at(-1)).toMatchObject({ step: 12, stopped: 'patience' })
      expect((await bestCheckpoint(join(dir, 'whole'))).step).toBe(6)
      const cut = validated(join(dir, 'cut'), 3)
      for await (const { step } of cut.reports) if (step === 9) break
      losses.splice(0, 4) // the child of a new process would begin here: after step 8
      const again = validated(join(dir, 'cut'), 3)
      expect((await collect(again.reports)).at(-1)).toMatchObject({ step: 12, stopped: 'patience' })
      tf.dispose([params, cut.params, again.params])
    }))

  it('refuses a loss that is no number', async () => {
    const params = makeParams()
    const validation = { every: 1, loss: () => Number.NaN }
    await expect(collect(train(settings(params, { validation })))).rejects.toThrow(
      'train: validation.loss returned NaN after step 1; it must be a finite number.',
    )
    tf.dispose(params)
  })
})

describe('saved in the background', () => {
  it('the files equal those saved in the foreground, though training went on meanwhile', () =>
    expectNoLeaks(async () =>
      withFolder(async (dir) => {
        const [front, back] = [runIn(join(dir, 'front')), runIn(join(dir, 'back'), {}, { background: true })]
        await collect(front.reports)
        const reports = await collect(back.reports)
        expect(reports.filter(({ checkpoint }) => checkpoint).map(({ step }) => step)).toEqual([3, 6, 8])
        for (const step of ['step-00000006', 'step-00000008']) {
          const [a, b] = [await loadCheckpoint(join(dir, 'front', step)), await loadCheckpoint(join(dir, 'back', step))]
          expect(valuesOf(b.params)).toEqual(valuesOf(a.params))
          for (const name of Object.keys(a.optimizerState))
            expect(valuesOf(b.optimizerState[name]!)).toEqual(valuesOf(a.optimizerState[name]!))
          tf.dispose([a.params, a.optimizerState, b.params, b.optimizerState])
        }
        return [front.params, back.params]
      }),
    ))

  it('a failed write ends the run with the last checkpoint whole', () =>
    withFolder(async (dir) => {
      const params: Params = { big: tf.fill([512, 256], 1) }
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir]).status === 0
      if (!mounted) return
      try {
        const checkpoint = { dir, every: 1, background: true }
        const loss = (p: Params) => tf.mean(tf.square(p.big!))
        const run = train({ params, loss, batches: [1, 2, 3], learningRate: () => 0.1, totalSteps: 3, checkpoint })
        await expect(collect(run)).rejects.toThrow(`saveCheckpoint: cannot write ${dir}/step-00000003 (ENOSPC): the disk is full.`)
        expect(await latestCheckpoint(dir)).toEqual({ path: `${dir}/step-00000002`, step: 2, skipped: [] })
      } finally {
        spawnSync('umount', [dir])
        tf.dispose(params)
      }
    }))
})

describe('one process a folder', () => {
  it('refuses a second run, also of the same process, and lets go at the end', () =>
    withFolder(async (dir) => {
      const [first, second] = [runIn(dir), runIn(dir)]
      await first.reports.next()
      await expect(collect(second.reports)).rejects.toThrow(
        `train: checkpoint.dir ${dir} is in use by process ${process.pid}; two runs would overwrite each other. `,
      )
      await first.reports.return()
      await collect(runIn(dir).reports)
      expect(readdirSync(dir)).not.toContain('lock')
      tf.dispose([first.params, second.params])
    }))

  it('takes what a killed process left, also where its id was given out again', () =>
    withFolder(async (dir) => {
      for (const owner of [{ pid: 2 ** 22 - 1, start: null }, { pid: process.ppid, start: '1' }, 'half a wri']) {
        writeFileSync(join(dir, 'lock'), JSON.stringify(owner).slice(0, 40))
        const { params, reports } = runIn(dir)
        await collect(reports)
        tf.dispose(params)
      }
    }))

  it('refuses while another process lives', () =>
    withFolder(async (dir) => {
      writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.ppid, start: null }))
      const { params, reports } = runIn(dir)
      await expect(collect(reports)).rejects.toThrow(`is in use by process ${process.ppid}`)
      tf.dispose(params)
    }))
})
