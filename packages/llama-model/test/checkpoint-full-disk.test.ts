import { spawnSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { exportGguf, savePretrained } from 'llama-model'
import { expect, it } from 'vitest'
import { makeParams, smallConfig, withFolder } from './support.ts'

it('a full disk leaves the model that was there', ({ skip }) =>
  withFolder(async (dir) => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=88k', 'tmpfs', dir]).status === 0
    if (!mounted) skip('mounting a small disk needs root')
    const params = makeParams(smallConfig)
    try {
      const [folder, file] = [join(dir, 'model'), join(dir, 'model.gguf')]
      await savePretrained(folder, { params, config: smallConfig, dtype: 'float16' })
      await exportGguf(file, { params, config: smallConfig })
      const before = await Promise.all([readFile(join(folder, 'model.safetensors')), readFile(file)])
      await writeFile(join(dir, 'other'), Buffer.alloc(88 * 1024)).catch(() => {}) // takes what is left
      await expect(savePretrained(folder, { params, config: smallConfig })).rejects.toThrow('no space left on device')
      await expect(exportGguf(file, { params, config: smallConfig, dtype: 'float32' })).rejects.toThrow('no space left on device')
      expect((await readdir(dir)).sort()).toEqual(['model', 'model.gguf', 'other'])
      expect(await Promise.all([readFile(join(folder, 'model.safetensors')), readFile(file)])).toEqual(before)
    } finally {
      tf.dispose(params)
      spawnSync('umount', [dir])
    }
  }))
