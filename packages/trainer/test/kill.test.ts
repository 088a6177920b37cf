import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { latestCheckpoint, type Params, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { collect, resumeIn, runIn, timeless, withFolder } from './support.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const script = fileURLToPath(new URL('./killed-child.ts', import.meta.url))
const node = [process.execPath, '--import', 'tsx', '--conditions=@repo/source', script] as const

describe('a process killed by SIGKILL', () => {
  it.each([
    ['in the middle of a step', 'step', 'step-00000003', []],
    ['while a save writes', 'weights', 'step-00000003', ['step-00000006.tmp']],
    ['before a save becomes visible', 'rename', 'step-00000003', ['step-00000006.tmp']],
    ['after a save, before its report is logged', 'line', 'step-00000006', []],
  ])('%s goes on to the same last bit', (_, where, from, skipped) =>
    withFolder(async (dir) => {
      const whole = await runIn(`${dir}/whole`)
      const { signal, stderr } = spawnSync(node[0], [...node.slice(1), `${dir}/cut`, where], { cwd: root, encoding: 'utf8' })
      expect(signal, stderr).toBe('SIGKILL')
      const resumed = await resumeIn(`${dir}/cut`)
      expect([resumed.from, resumed.skipped]).toEqual([from, skipped])
      expect(resumed.values).toEqual(whole.values)
      expect(timeless(resumed.reports)).toEqual(timeless(whole.reports.slice(Number(from.slice(5)))))
      expect(resumed.metrics).toBe(whole.metrics)
    }),
  )
})

describe('a disk that takes no more', () => {
  const big = () => ({ big: tf.fill([512, 256], 1) }) // half a megabyte, three times in a checkpoint
  const run = (params: Params, dir: string, totalSteps: number) =>
    collect(
      train({
        params,
        loss: (p: Params) => tf.mean(tf.square(p.big!)),
        batches: [1, 2, 3],
        learningRate: () => 0.1,
        totalSteps,
        checkpoint: { dir, every: 1 },
      }),
    )

  it('leaves the last checkpoint whole when the process hits its file size limit', () =>
    withFolder(async (dir) => {
      const params = big()
      await run(params, dir, 1)
      const command = `trap '' XFSZ; ulimit -f 256; exec ${[...node, dir, 'size'].map((word) => `'${word}'`).join(' ')}`
      const { stdout, stderr } = spawnSync('bash', ['-c', command], { cwd: root, encoding: 'utf8' })
      expect(stdout, stderr).toBe(
        `saveCheckpoint: cannot write ${dir}/step-00000002 (EFBIG): the file grew past a size limit. Raise it (ulimit -f) or choose another disk. ` +
          'Checkpoints saved before are untouched.',
      )
      expect(await latestCheckpoint(dir)).toEqual({ path: `${dir}/step-00000001`, step: 1, skipped: [] })
      tf.dispose(params)
    }))

  it('leaves the last checkpoint whole when the disk is full', ({ skip }) =>
    withFolder(async (dir) => {
      const inNamespace = (command: string) => spawnSync('unshare', ['-rm', 'bash', '-c', command], { cwd: root, encoding: 'utf8' })
      if (inNamespace('mount -t tmpfs tmpfs /tmp').status !== 0)
        skip('mounting needs user namespaces; the file size limit above covers the same path')
      const params = big()
      await run(params, dir, 1)
      const [disk, left] = [`${dir}/disk`, `${dir}/left`]
      const train = [...node, disk, 'size'].map((word) => `'${word}'`).join(' ')
      // a disk of 2 MiB, seen by this process alone, with room for one checkpoint
      const steps = [
        `mkdir ${disk}`,
        `mount -t tmpfs -o size=2m tmpfs ${disk}`,
        `cp -r ${dir}/step-00000001 ${disk}`,
        train,
        `cp -r ${disk} ${left}`,
      ]
      const { stdout, stderr } = inNamespace(steps.join(' && '))
      expect(stdout, stderr).toBe(
        `saveCheckpoint: cannot write ${disk}/step-00000002 (ENOSPC): the disk is full. Free space or lower keepLast. ` +
          'Checkpoints saved before are untouched.',
      )
      expect(await latestCheckpoint(left)).toEqual({ path: `${left}/step-00000001`, step: 1, skipped: [] })
      tf.dispose(params)
    }))
})
