import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Params, type SaveOptions, savePretrained } from 'llama-model'
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
