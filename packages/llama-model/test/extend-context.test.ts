import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { extendContext, type LlamaConfig, llamaConfig, savePretrained } from 'llama-model'
import { attentionDecay, ropeFrequencies } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { makeParams, smallConfig, withFolder } from './support.ts'

const smollm2: LlamaConfig = {
  ...llamaConfig('tiny'),
  headDim: 64,
  maxPositionEmbeddings: 8192,
  rope: { headDim: 64, base: 100_000 },
}

describe('extendContext', () => {
  it('is the recipe of the paper: 4,096 → 32,768 tokens by a base near 500,000', () => {
    const { config, changes, table } = extendContext(llamaConfig('llama2-7b'), { length: 32_768, method: 'abf' })
    expect(config).toMatchObject({ maxPositionEmbeddings: 32_768, rope: { base: 10_000, scaling: { kind: 'abf', base: 460_000 } } })
    const of = Object.fromEntries(changes.map(({ quantity, before, after }) => [quantity, [before, after]]))
    expect(of['context in tokens']).toEqual([4096, 32_768])
    expect(of.base).toEqual([10_000, 460_000])
    // λ_j = 2π·10,000^(j/64) > 4,096 for j > 45.02, > 32,768 for j > 59.5
    expect(of['wavelengths beyond 4096 tokens']![0]).toBe(18)
    expect(of['wavelengths beyond 32768 tokens']![0]).toBe(4)
    expect(of['longest wavelength in tokens']![0]).toBeCloseTo(2 * Math.PI * 10_000 ** (63 / 64), 6)
    expect(of['attention left at 32768 tokens']![1]).toBeGreaterThan(of['attention left at 32768 tokens']![0]! + 0.05)
    expect(table.split('\n')).toHaveLength(2 + changes.length)
    expect(table).toMatch(/^\| base +\| +10,000 \| +460,000 \|$/m)
  })

  it('counts pairs at angles that training has not shown', () => {
    const unseen = (method: 'abf' | 'linear' | 'ntk', base?: number) =>
      extendContext(smollm2, { length: 16_384, method, base }).changes.find(({ quantity }) => quantity.startsWith('pairs at angles'))!
    expect(unseen('linear')).toMatchObject({ after: 0 }) // interpolation goes nowhere new
    const without = unseen('abf', 100_000)
    expect(without.after).toBe(without.before)
    // pairs of wavelengths above 8,192 turn further in 16,384: 2π·1e5^(j/32) > 8,192 for j > 19.9
    expect(without.before).toBe(32 - 20)
    expect(unseen('abf', 500_000).after).toBeLessThan(without.before)
  })

  it.each(['abf', 'ntk', 'linear', 'yarn', 'llama3', 'dynamic'] as const)('%s: says the decay of its own rope, and is saved', (method) =>
    withFolder(async (dir) => {
      const { config, changes } = extendContext(smallConfig, { length: 256, method })
      const scaling = config.rope.scaling!
      const rope = { ...config.rope, scaling: scaling.kind === 'dynamic' ? { ...scaling, sequenceLength: 256 } : scaling }
      const [match, far] = attentionDecay(rope, [0, 256])
      expect(changes.at(-1)).toMatchObject({ quantity: 'attention left at 256 tokens', after: far! / match! })
      expect(ropeFrequencies(rope).inverseFrequencies.at(-1)).toBeLessThan(ropeFrequencies(smallConfig.rope).inverseFrequencies.at(-1)!)
      const params = makeParams(config)
      await savePretrained(join(dir, 'model'), { params, config })
      tf.dispose(params)
      const json = JSON.parse(await readFile(join(dir, 'model', 'config.json'), 'utf8')) as Record<string, unknown>
      if (method !== 'dynamic') expect(json.max_position_embeddings).toBe(256) // which Hugging Face's dynamic takes for the trained length
      expect(json.rope_scaling === null || (json.rope_scaling as { rope_type: string }).rope_type === method).toBe(true)
    }),
  )

  it.each<[Parameters<typeof extendContext>, string]>([
    [[smallConfig, { length: 64, method: 'abf' }], 'length is 64; it must be a whole number above config.maxPositionEmbeddings, 64.'],
    [[smallConfig, { length: 100.5, method: 'abf' }], 'length is 100.5'],
    [[smallConfig, { length: 128, method: 'xpos' as 'abf' }], "method is 'xpos'; choose from abf, ntk, linear, yarn, llama3, dynamic."],
    [[smallConfig, { length: 128, method: 'ntk', base: 1e6 }], "base is 1000000 and method 'ntk'; only 'abf' takes a base."],
    [
      [
        { ...smallConfig, rope: { headDim: 8, scaling: { kind: 'linear', factor: 2 } } },
        { length: 128, method: 'abf' },
      ],
      "config.rope is scaled by 'linear' already",
    ],
  ])('refuses %j', ([config, options], message) => expect(() => extendContext(config, options)).toThrow(message))
})
