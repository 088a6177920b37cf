import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { forward, initLora, isLoraParam, type LlamaConfig, loadLora, loss, mergeLora, type Params, saveLora } from 'llama-model'
import { adamw, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { caseLength } from './golden/cases.ts'
import { loraCases, makeLora } from './golden/lora-cases.ts'
import { batchOf, collect, makeParams, probe, smallConfig, tokenIds, valueAndGradients, withFolder } from './support.ts'

interface Golden {
  readonly cases: Readonly<
    Record<
      string,
      {
        readonly files: Readonly<Record<string, string>>
        readonly logits: readonly number[]
        readonly loss: number
        readonly gradients: Readonly<Record<string, readonly [norm: number, projection: number]>>
      }
    >
  >
  readonly saved: { readonly logits: readonly number[] }
}
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const golden: Golden = JSON.parse(readFileSync(here('golden/peft.json'), 'utf8'))
const tolerance = { atol: 2e-5, rtol: 1e-5 } // float32 here and there, sums in another order
const tokens = tokenIds(2, caseLength, smallConfig.vocabSize)
const adapted: LlamaConfig = { ...smallConfig, lora: loraCases.attention!.lora }

const logitsOf = (params: Params, config: LlamaConfig, row = tokens[0]!) =>
  tf.tidy(() => Array.from(forward(params, config, batchOf({ tokens: [row] })).dataSync()))

describe.each(Object.entries(loraCases))('PEFT on %s', (name, { model, lora }) => {
  const config = { ...model, lora }
  const expected = golden.cases[name]!

  it('has the same logits, loss and gradients of A and B', () =>
    expectNoLeaks(() => {
      const [params, adapter] = [makeParams(model), makeLora(config)]
      const both = { ...params, ...adapter }
      expectClose(logitsOf(both, config), expected.logits, tolerance)
      const own = (learned: Params) => loss({ ...params, ...learned }, config, batchOf({ tokens }))
      const { value, gradients } = valueAndGradients(own, adapter)
      expectClose([value], [expected.loss], tolerance)
      expect(Object.keys(gradients).toSorted()).toEqual(Object.keys(expected.gradients).toSorted())
      for (const [key, [norm, projection]] of Object.entries(expected.gradients)) {
        const gradient = gradients[key]!
        const dot = probe(gradient.length).reduce((sum, x, i) => sum + x * gradient[i]!, 0)
        expectClose([Math.hypot(...gradient), dot], [norm, projection], { atol: 5e-5 * Math.max(1, norm), rtol: 1e-5 })
      }
      return [params, adapter]
    }))

  it('merged computes the same', () =>
    expectNoLeaks(() => {
      const both = { ...makeParams(model), ...makeLora(config) }
      const merged = mergeLora(both, config)
      expect(merged.config).toEqual(model)
      expect(Object.keys(merged.params).some(isLoraParam)).toBe(false)
      expectClose(logitsOf(merged.params, merged.config), expected.logits, tolerance)
      return [both, merged.params]
    }))

  it('reads the very files that saveLora writes, and so does loadLora', () =>
    expectNoLeaks(() =>
      withFolder(async (folder) => {
        const adapter = makeLora(config)
        const dir = join(folder, 'lora')
        await saveLora(dir, { params: adapter, config, baseModel: 'model' })
        const names = (await readdir(dir)).sort()
        const hash = async (file: string) =>
          createHash('sha256')
            .update(await readFile(join(dir, file)))
            .digest('hex')
        // a change of format: run golden/make-lora.py again, so that PEFT reads the new files
        expect(Object.fromEntries(await Promise.all(names.map(async (file) => [file, await hash(file)])))).toEqual(expected.files)
        const read = await loadLora(dir, model)
        expect(read.config).toEqual(config)
        const values = (own: Params) => Object.entries(own).map(([key, tensor]) => [key, tensor.shape, Array.from(tensor.dataSync())])
        expect(values(read.params)).toEqual(values(adapter))
        tf.dispose([adapter, read.params])
      }),
    ))
})

it('an adapter that PEFT saved computes what PEFT computes', () =>
  expectNoLeaks(async () => {
    const model = makeParams(smallConfig)
    const { params, config } = await loadLora(here('golden/peft-saved'), smallConfig)
    expect(config.lora).toEqual({ rank: 2, alpha: 3, targets: ['up_proj', 'o_proj'] })
    expectClose(logitsOf({ ...model, ...params }, config), golden.saved.logits, tolerance)
    return [model, params]
  }))

it('a fresh adapter changes nothing, whatever its seed', () =>
  expectNoLeaks(() => {
    const params = makeParams(smallConfig)
    const [a, b] = [initLora(adapted, 1), initLora(adapted, 2)]
    expect(logitsOf({ ...params, ...a }, adapted)).toEqual(logitsOf(params, smallConfig))
    const first = 'model.layers.0.self_attn.q_proj.lora_A.weight'
    expect(a[first]!.dataSync()).not.toEqual(b[first]!.dataSync())
    expect(Math.max(...a[first]!.dataSync().map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(smallConfig.hiddenSize))
    return [params, a, b]
  }))

it('dropout: another seed drops other channels, none drops none, and the mean over seeds is the model without', () =>
  expectNoLeaks(() => {
    const config = { ...smallConfig, numLayers: 1, lora: { rank: 2, alpha: 2, targets: ['o_proj'], dropout: 0.4 } }
    const both = { ...makeParams(config), ...makeLora(config) }
    const dropped = (dropoutSeed: number) => logitsOf(both, { ...config, lora: { ...config.lora, dropoutSeed } }, [5])
    const without = logitsOf(both, { ...config, lora: { ...config.lora, dropout: 0 } }, [5])
    expect(logitsOf(both, config, [5])).toEqual(without)
    expect(dropped(1)).toEqual(dropped(1))
    expect(dropped(1)).not.toEqual(dropped(2))
    // the hidden state before the MLP is linear in what is dropped; logits of a small update nearly are
    const draws = Array.from({ length: 300 }, (_, seed) => dropped(seed)[0]!)
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length
    const deviation = Math.sqrt(draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length)
    expect(deviation).toBeGreaterThan(0)
    expect(Math.abs(mean - without[0]!)).toBeLessThan((5 * deviation) / Math.sqrt(draws.length) + 0.1 * deviation)
    return both
  }))

it('trainer trains A and B alone', () =>
  expectNoLeaks(async () => {
    const model = makeParams(smallConfig)
    const before = model['model.layers.0.self_attn.q_proj.weight']!.dataSync().slice()
    const params = { ...model, ...initLora(adapted, 1) }
    const batches = Array.from({ length: 30 }, () => batchOf({ tokens }))
    const lossOf = (own: Params, batch: (typeof batches)[number]) => loss(own, adapted, batch)
    const steps = train({
      params,
      loss: lossOf,
      batches,
      totalSteps: 30,
      learningRate: () => 0.02,
      optimizer: adamw(),
      trainable: isLoraParam,
    })
    const losses = (await collect(steps)).map((report) => report.loss)
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.3)
    expect(params['model.layers.0.self_attn.q_proj.weight']!.dataSync()).toEqual(before)
    return params
  }))

describe('refuses', () => {
  const make = (lora: Partial<NonNullable<LlamaConfig['lora']>>) => () => initLora({ ...adapted, lora: { ...adapted.lora!, ...lora } }, 1)
  it.each<[string, () => unknown, string]>([
    ['no lora', () => initLora(smallConfig, 1), 'initLora: config.lora is missing; spread one in'],
    ['rank 0', make({ rank: 0 }), 'initLora: config.lora.rank is 0; it must be a whole number ≥ 1'],
    ['alpha 0', make({ alpha: 0 }), 'initLora: config.lora.alpha is 0; it must be a positive number'],
    ['dropout 1', make({ dropout: 1 }), 'initLora: config.lora.dropout is 1; it must lie in [0, 1).'],
    ['targets that match nothing', make({ targets: ['lm_head'] }), 'initLora: config.lora.targets is ["lm_head"]; it must match a module'],
    ['targets that are no pattern', make({ targets: '(' }), "initLora: config.lora.targets '(' is no regular expression"],
    ['params without A', () => forward({}, adapted, batchOf({ tokens })), "forward: params['model.embed_tokens.weight'] is missing"],
  ])('%s', (_, run, message) => expect(run).toThrow(message))

  const damaged: [string, (config: Record<string, unknown>) => object, string][] = [
    ['DoRA', (config) => ({ ...config, use_dora: true }), 'use_dora is true, which is not computed here'],
    ['another method', (config) => ({ ...config, peft_type: 'IA3' }), `peft_type is "IA3"; only 'LORA' is read`],
    ['ranks by pattern', (config) => ({ ...config, rank_pattern: { q_proj: 4 } }), 'rank_pattern is {"q_proj":4}, which is not computed'],
    ['PiSSA', (config) => ({ ...config, init_lora_weights: 'pissa' }), 'init_lora_weights is "pissa", which is not computed'],
    ['a missing rank', (config) => ({ ...config, r: undefined }), 'r is undefined; it must be a number.'],
    ['another rank', (config) => ({ ...config, r: 3 }), 'by adapter_config.json and the model it must be [3,'],
    ['fewer targets', (config) => ({ ...config, target_modules: ['o_proj'] }), 'is unexpected; adapter_config.json does not target'],
    [
      'more targets',
      (config) => ({ ...config, target_modules: ['o_proj', 'up_proj', 'q_proj'] }),
      'is missing; adapter_config.json targets',
    ],
  ]
  it.each(damaged)('an adapter with %s, naming file and field', (_, change, message) =>
    expectNoLeaks(() =>
      withFolder(async (folder) => {
        await cp(here('golden/peft-saved'), folder, { recursive: true })
        const path = join(folder, 'adapter_config.json')
        writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
        await expect(loadLora(folder, smallConfig)).rejects.toThrow(message)
        await expect(loadLora(folder, smallConfig)).rejects.toThrow(folder)
      }),
    ),
  )

  it('a file that is cut off at any byte', () =>
    expectNoLeaks(() =>
      withFolder(async (folder) => {
        await cp(here('golden/peft-saved'), folder, { recursive: true })
        const path = join(folder, 'adapter_model.safetensors')
        const bytes = readFileSync(path)
        for (const length of [0, 7, 8, 100, bytes.length - 1]) {
          writeFileSync(path, bytes.subarray(0, length))
          await expect(loadLora(folder, smallConfig)).rejects.toThrow(path)
        }
      }),
    ))

  it('a folder that is none', () => expect(loadLora('/nowhere', smallConfig)).rejects.toThrow('Is this the folder of an adapter'))
})
