import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { loadPretrained, savePretrained } from 'llama-model'
import { expect, it } from 'vitest'
import { valuesOf } from './checkpoint-support.ts'
import { makeParams, smallConfig, withFolder } from './support.ts'

const child = fileURLToPath(new URL('save-child.ts', import.meta.url))

it('a process that is killed while it saves leaves a whole model, and its successor saves over it', { timeout: 120_000 }, () =>
  withFolder(async (dir) => {
    const models = [1, 2].map((seed) => valuesOf(makeParams(smallConfig, seed)))
    const [folder, file] = [join(dir, 'model'), join(dir, 'model.gguf')]
    for (const delay of [0, 3, 11, 29]) {
      const saving = spawn(process.execPath, ['--conditions=@repo/source', '--import=tsx', child, folder, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await new Promise((resolve) => saving.stdout.once('data', resolve))
      await new Promise((resolve) => setTimeout(resolve, delay))
      const ended = new Promise((resolve) => saving.once('exit', resolve))
      saving.kill('SIGKILL')
      await ended
      for (const place of [folder, file]) {
        const loaded = await loadPretrained(place)
        expect(models).toContainEqual(valuesOf(loaded.params))
        tf.dispose(loaded.params)
      }
    }
  }),
)

it('a process that died between the two renames leaves the model that was there, for loading and for the next save', () =>
  withFolder(async (dir) => {
    const params = makeParams(smallConfig)
    const folder = join(dir, 'model')
    await savePretrained(`${folder}.old`, { params, config: smallConfig })
    await savePretrained(`${folder}.tmp`, { params, config: smallConfig })
    const loaded = await loadPretrained(folder)
    expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
    await savePretrained(folder, { params, config: smallConfig })
    expect(await readdir(dir)).toEqual(['model'])
    tf.dispose([params, loaded.params])
  }))
