import { readFileSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { type ExportOptions, exportGguf, type LlamaConfig, loadPretrained } from 'llama-model'
import { ropeFrequencies } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { valuesOf } from './checkpoint-support.ts'
import { cases } from './golden/cases.ts'
import { makeParams, smallConfig, withFolder } from './support.ts'

const golden: { readonly quantised: { readonly Q8_0: { readonly values: string; readonly blocks: string } } } = JSON.parse(
  readFileSync(new URL('golden/gguf.json', import.meta.url), 'utf8'),
)

/** Exports a model of this configuration and loads it again. */
const roundTrip = (
  config: LlamaConfig,
  options: Partial<ExportOptions>,
  body: (read: Awaited<ReturnType<typeof loadPretrained>>, params: ExportOptions['params'], file: string) => unknown,
) =>
  withFolder(async (dir) => {
    const params = makeParams(config)
    const file = join(dir, 'model.gguf')
    await exportGguf(file, { params, config, dtype: 'float32', ...options })
    expect(await readdir(dir)).toEqual(['model.gguf'])
    const read = await loadPretrained(file)
    await body(read, params, file)
    tf.dispose([params, read.params])
  })

const unsupported = { mistral: 'slidingWindow', qwen2Window: 'slidingWindow', dynamic: "'dynamic'", smollm3: 'noRopeLayers' } as const
const supported = Object.entries(cases).filter(([name]) => !(name in unsupported))

describe('exportGguf', () => {
  it.each([...supported, ['smollm3', { ...cases.smollm3!, noRopeLayers: [3] }] as const])('%s comes back as it was', (_, config) =>
    roundTrip(config, {}, (read, params) => {
      expect(valuesOf(read.params)).toEqual(valuesOf(params))
      const { rope, initializerRange: _range, modelType: _type, eosTokenId: _eos, bosTokenId: _bos, ...others } = config
      expect(read.config).toMatchObject(others)
      for (const sequenceLength of [4, 500]) {
        const at = ({ scaling, ...own }: LlamaConfig['rope']) =>
          ropeFrequencies({ ...own, ...(scaling && { scaling: scaling.kind === 'longrope' ? { ...scaling, sequenceLength } : scaling }) })
        expectClose(at(read.config.rope).inverseFrequencies, at(rope).inverseFrequencies, { rtol: 1e-6 }) // divisors are float32
        expectClose([at(read.config.rope).attentionFactor], [at(rope).attentionFactor], { rtol: 1e-6 })
      }
    }),
  )

  it.each(Object.entries(unsupported))('refuses %s, which llama.cpp does not compute', (name, field) =>
    withFolder(async (dir) => {
      const params = makeParams(cases[name]!)
      await expect(exportGguf(join(dir, 'model.gguf'), { params, config: cases[name]! })).rejects.toThrow(field)
      expect(await readdir(dir)).toEqual([])
      tf.dispose(params)
    }),
  )

  it('in halves, norms in float32; in Q8_0 to the same bytes as llama.cpp', () =>
    roundTrip(smallConfig, { dtype: 'float16' }, async (read, params) => {
      const name = 'model.layers.0.self_attn.q_proj.weight'
      expect(read.dtype).toBe('float16')
      expectClose(read.params[name]!.dataSync(), params[name]!.dataSync(), { rtol: 2 ** -11, atol: 2 ** -25 })
      expect(read.params['model.norm.weight']!.dataSync()).toEqual(params['model.norm.weight']!.dataSync())
      const values = Buffer.from(golden.quantised.Q8_0.values, 'base64')
      const wide: LlamaConfig = { ...smallConfig, hiddenSize: 32, vocabSize: 3, tieWordEmbeddings: true }
      const wideParams = makeParams(wide)
      wideParams['model.embed_tokens.weight']!.dispose()
      wideParams['model.embed_tokens.weight'] = tf.tensor(new Float32Array(values.buffer, values.byteOffset, 96).slice(), [3, 32])
      await withFolder(async (dir) => {
        await exportGguf(join(dir, 'model.gguf'), { params: wideParams, config: wide, dtype: 'q8_0' })
        const bytes = await readFile(join(dir, 'model.gguf'))
        expect(bytes.includes(Buffer.from(golden.quantised.Q8_0.blocks, 'base64'))).toBe(true)
      })
      tf.dispose(wideParams)
    }))

  it('that fails leaves what was there', () =>
    roundTrip(smallConfig, {}, async (_, params, file) => {
      const before = await readFile(file)
      const { 'model.norm.weight': norm, ...others } = params
      await expect(exportGguf(file, { params: others, config: smallConfig })).rejects.toThrow("params['model.norm.weight'] is missing")
      const dying = { ...params, 'model.norm.weight': tf.ones([20]) }
      const exporting = exportGguf(file, { params: dying, config: smallConfig })
      dying['model.norm.weight'].dispose()
      await expect(exporting).rejects.toThrow(`exportGguf: cannot write ${file}`)
      await expect(exportGguf(file, { params, config: smallConfig, dtype: 'q4_0' as 'q8_0' })).rejects.toThrow(
        "dtype is 'q4_0'; choose from",
      )
      expect(await readdir(join(file, '..'))).toEqual(['model.gguf'])
      expect((await readFile(file)).equals(before)).toBe(true)
      expect(norm!.isDisposed).toBe(false)
      await writeFile(`${file}.txt`, '')
    }))
})

describe('the tokenizer of an exported file', () => {
  const vocab = Object.fromEntries(Array.from({ length: 36 }, (_, id) => [`t${id}`, id]))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const digits = { type: 'Digits', individual_digits: true }
  const files = (tokenizer: object, settings: object = {}) => ({
    'tokenizer.json': JSON.stringify({
      added_tokens: [
        { id: 1, content: '<s>', special: true },
        { id: 37, content: '<tool>', special: false },
      ],
      pre_tokenizer: { type: 'Sequence', pretokenizers: [digits, byteLevel] },
      model: { type: 'BPE', vocab, merges: [['t1', 't2'], 't3 t4'] },
      ...tokenizer,
    }),
    'tokenizer_config.json': JSON.stringify({ pad_token: 't5', unk_token: { content: 't6' }, chat_template: '{{ x }}', ...settings }),
  })

  it('comes back: vocabulary, merges, kinds of tokens, chat template', () =>
    roundTrip(smallConfig, { tokenizer: files({}) }, ({ tokenizer, config }) => {
      const own = JSON.parse(tokenizer['tokenizer.json']!)
      const settings = JSON.parse(tokenizer['tokenizer_config.json']!)
      expect(Object.keys(own.model.vocab)).toHaveLength(40)
      expect(own.model.vocab).toMatchObject({ t0: 0, '<s>': 1, t35: 35, '[PAD36]': 36, '<tool>': 37 })
      expect(own.model.merges).toEqual(['t1 t2', 't3 t4'])
      expect(own.added_tokens.map(({ id, special }: { id: number; special: boolean }) => [id, special])).toEqual([
        [1, true],
        [37, false],
      ])
      expect(own.pre_tokenizer).toEqual({ type: 'Sequence', pretokenizers: [digits, byteLevel] })
      expect(settings).toMatchObject({ bos_token: '<s>', eos_token: 't2', pad_token: 't5', unk_token: 't6', chat_template: '{{ x }}' })
      expect([config.bosTokenId, config.eosTokenId]).toEqual([1, 2])
    }))

  it('of SentencePiece has scores in the order of its merges', () =>
    roundTrip(
      smallConfig,
      {
        tokenizer: files({
          normalizer: { type: 'Prepend', prepend: '▁' },
          model: { type: 'BPE', byte_fallback: true, vocab: { a: 0, b: 3, ab: 4, abb: 5, '<0x0A>': 6 }, merges: ['a b', 'ab b'] },
          post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }] },
        }),
      },
      ({ tokenizer }) => {
        const own = JSON.parse(tokenizer['tokenizer.json']!)
        expect(own.model).toMatchObject({ byte_fallback: true, merges: ['a b', 'ab b'] })
        expect(own.post_processor.single[0]).toEqual({ SpecialToken: { id: '<s>', type_id: 0 } })
      },
    ))

  it.each<[string, object, string]>([
    ['a model that is no BPE', { model: { type: 'Unigram' } }, 'its model is "Unigram"; BPE can be written'],
    ['more tokens than the model has', { model: { type: 'BPE', vocab: { x: 40 } } }, 'token "x" has id 40, and config.vocabSize is 40'],
    ['another pre-tokenizer', { pre_tokenizer: { type: 'Whitespace' } }, "is none of llama.cpp's llama-bpe, qwen2, smollm, gpt-2"],
  ])('cannot be %s', (_, tokenizer, message) =>
    withFolder(async (dir) => {
      const params = makeParams(smallConfig)
      const exporting = exportGguf(join(dir, 'model.gguf'), { params, config: smallConfig, tokenizer: files(tokenizer) })
      await expect(exporting).rejects.toThrow(message)
      tf.dispose(params)
    }),
  )
})
