import { readFileSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { type LlamaConfig, loadPretrained, type Params, type SaveOptions, savePretrained } from 'llama-model'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { saved, sorted, valuesOf } from './checkpoint-support.ts'
import { cases } from './golden/cases.ts'
import { makeParams, smallConfig } from './support.ts'

interface Halves {
  readonly values: readonly (number | 'inf' | '-inf')[]
  /** What torch makes of them. */
  readonly back: readonly (number | 'inf' | '-inf')[]
}
// read here, because an import of JSON turns −0 into 0
const golden: { readonly half: Readonly<Record<string, Halves>> } = JSON.parse(
  readFileSync(new URL('golden/transformers.json', import.meta.url), 'utf8'),
)
describe('a round trip', () => {
  it.each(Object.entries(cases))('keeps every bit and the configuration: %s', (_, config) =>
    saved(
      async (dir, params) => {
        const loaded = await loadPretrained(dir)
        expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
        const { rope, ...rest } = config
        expect(loaded.config).toMatchObject(rest)
        // ABF is written as the base it is
        expect(loaded.config.rope).toMatchObject(rope.scaling?.kind === 'abf' ? { base: rope.scaling.base! } : { base: rope.base! })
        expect(await sorted(dir)).toEqual(['config.json', 'generation_config.json', 'model.safetensors'])
        tf.dispose(loaded.params)
      },
      { config },
    ),
  )

  it('in shards, with the files of a tokenizer', () =>
    saved(
      async (dir, params) => {
        const loaded = await loadPretrained(pathToFileURL(dir))
        expect(valuesOf(loaded.params)).toEqual(valuesOf(params))
        tf.dispose(loaded.params)
        const names = await sorted(dir)
        expect(names.filter((name) => /^model-0000\d-of-00007\.safetensors$/.test(name)).length).toBe(7)
        for (const name of names.filter((name) => name.startsWith('model-')))
          expect((await stat(join(dir, name))).size).toBeLessThan(6000 + 1200) // and a header
        expect(await readFile(join(dir, 'tokenizer.json'), 'utf8')).toBe('{"é": 1}')
        expect([...(await readFile(join(dir, 'tokenizer.model')))]).toEqual([0, 255])
      },
      { maxShardBytes: 6000, tokenizer: { 'tokenizer.json': '{"é": 1}', 'tokenizer.model': Uint8Array.of(0, 255) } },
    ))

  it.each(['float16', 'bfloat16'] as const)('in %s: half the bytes, rounded as torch rounds', (dtype) => {
    const { values, back } = golden.half[dtype]!
    const numbers = (list: readonly (number | string)[]) =>
      list.map((value) => (value === 'inf' ? Number.POSITIVE_INFINITY : value === '-inf' ? Number.NEGATIVE_INFINITY : (value as number)))
    return saved(async (dir) => {
      const params = makeParams(smallConfig)
      const name = 'model.embed_tokens.weight'
      const written = Float32Array.from({ length: 800 }, (_, i) => numbers(values)[i] ?? 0)
      params[name]!.dispose()
      params[name] = tf.tensor(written, [40, 20])
      const half = join(dir, '..', 'half')
      await savePretrained(half, { params, config: smallConfig, dtype })
      const { size } = await stat(join(half, 'model.safetensors'))
      expect(size).toBeLessThan(0.7 * (await stat(join(dir, 'model.safetensors'))).size)
      const loaded = await loadPretrained(half)
      const own = loaded.params[name]!.dataSync()
      // −0 too: toEqual tells it from 0
      expect(Array.from(own.subarray(0, back.length))).toEqual(numbers(back))
      expectClose(loaded.params['lm_head.weight']!.dataSync(), params['lm_head.weight']!.dataSync(), {
        rtol: dtype === 'float16' ? 2 ** -11 : 2 ** -8,
        atol: 2 ** -25,
      })
      tf.dispose([params, loaded.params])
    })
  })
})

describe('savePretrained', () => {
  const refusals: [string, (options: SaveOptions) => Partial<SaveOptions>, string][] = [
    [
      'a weight too few',
      ({ params: { 'lm_head.weight': _, ...params } }) => ({ params: { ...params } }),
      "savePretrained: params['lm_head.weight'] is missing",
    ],
    [
      'a weight too many',
      ({ params }) => ({ params: { ...params, extra: params['model.norm.weight']! } }),
      "savePretrained: params['extra'] is unexpected; config has no such weight.",
    ],
    [
      'an unknown dtype',
      () => ({ dtype: 'int8' as 'float16' }),
      "savePretrained: dtype is 'int8'; choose from float32, float16, bfloat16.",
    ],
    ['shards of no bytes', () => ({ maxShardBytes: 0 }), 'savePretrained: maxShardBytes is 0; it must be positive.'],
    [
      'a path as a file name',
      () => ({ tokenizer: { '../tokenizer.json': '' } }),
      "savePretrained: tokenizer['../tokenizer.json'] cannot be written; use a plain file name",
    ],
    ['a name it uses itself', () => ({ tokenizer: { 'config.json': '' } }), "savePretrained: tokenizer['config.json'] cannot be written"],
    [
      'a rope that Hugging Face does not know',
      ({ config }) => ({ config: { ...config, rope: { headDim: 8, scaling: { kind: 'xpos' } } } as LlamaConfig }),
      "toHuggingFace: scaling 'xpos' cannot be written",
    ],
  ]
  it.each(refusals)('refuses %s, and leaves the model that is there', (_, change, message) =>
    saved(async (dir, params) => {
      const options = { params, config: smallConfig }
      await expect(savePretrained(dir, { ...options, ...change(options) })).rejects.toThrow(message)
      expect(await sorted(join(dir, '..'))).toEqual(['model'])
      const loaded = await loadPretrained(dir)
      tf.dispose(loaded.params)
    }),
  )

  it('replaces a model, but no folder that holds anything else', () =>
    saved(
      async (dir, params) => {
        await savePretrained(dir, { params, config: smallConfig })
        expect(await sorted(dir)).toEqual(['config.json', 'generation_config.json', 'model.safetensors'])
        await writeFile(join(dir, 'thesis.txt'), 'mine')
        await expect(savePretrained(dir, { params, config: smallConfig })).rejects.toThrow(
          "holds 'thesis.txt', which is not part of a model and would be lost",
        )
        expect(await readFile(join(dir, 'thesis.txt'), 'utf8')).toBe('mine')
      },
      { maxShardBytes: 6000, tokenizer: { 'tokenizer.json': '{}' } },
    ))

  it('that fails in the middle leaves the old model and no half of a new one', () =>
    saved(async (dir, params) => {
      const before = await readFile(join(dir, 'model.safetensors'))
      const dying: Params = { ...params, 'model.norm.weight': tf.ones([20]) }
      const saving = savePretrained(dir, { params: dying, config: smallConfig })
      dying['model.norm.weight']!.dispose() // disposed while the first files are being written
      await expect(saving).rejects.toThrow(`savePretrained: cannot write ${dir}:`)
      expect(await readFile(join(dir, 'model.safetensors'))).toEqual(before)
      expect(await sorted(join(dir, '..'))).toEqual(['model'])
      await writeFile(join(dir, '..', 'file'), '')
      await expect(savePretrained(join(dir, '..', 'file'), { params, config: smallConfig })).rejects.toThrow('file')
    }))

  it('works where an earlier save was interrupted', () =>
    saved(async (dir, params) => {
      await mkdir(`${dir}.tmp`)
      await writeFile(join(`${dir}.tmp`, 'half'), '')
      await savePretrained(dir, { params, config: smallConfig })
      expect(await sorted(join(dir, '..'))).toEqual(['model'])
    }))
})
