// A real checkpoint: SmolLM2-135M-Instruct as GGUF Q4_1. Runs where `bench/setup-models` has put it.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { countParams, forward, generate, loadPretrained } from 'llama-model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { collect } from './support.ts'
import '@tensorflow/tfjs-backend-wasm'

interface Golden {
  readonly tokens: readonly number[]
  /** Columns of the logits that are kept. */
  readonly ids: readonly number[]
  readonly logits: readonly (readonly number[])[]
  readonly logSumExp: readonly number[]
  readonly greedy: readonly number[]
  readonly chat: string
}
const { smollm2: golden }: { smollm2: Golden } = JSON.parse(readFileSync(new URL('golden/gguf.json', import.meta.url), 'utf8'))
const file = fileURLToPath(new URL('../../../node_modules/.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url))

// both sides compute in float32, in another order, through 30 layers
const tolerance = { atol: 2e-4 }

describe.skipIf(!existsSync(file))('SmolLM2-135M-Instruct', { timeout: 180_000 }, () => {
  let model: Awaited<ReturnType<typeof loadPretrained>>
  beforeAll(async () => {
    await tf.setBackend('wasm')
    model = await loadPretrained(file)
  })
  afterAll(() => tf.dispose(model.params))

  it('has the sizes of the published model', () => {
    expect(countParams(model.config)).toBe(134_515_008)
    expect(model.config).toMatchObject({
      numLayers: 30,
      hiddenSize: 576,
      rmsNormEps: 1e-5,
      maxPositionEmbeddings: 8192,
      rope: { base: 1e5 },
    })
  })

  it('has the logits that transformers computes', () => {
    const V = model.config.vocabSize
    const tokens = tf.tensor2d([[...golden.tokens]], undefined, 'int32')
    const logits = tf.tidy(() => forward(model.params, model.config, { tokens }).dataSync<'float32'>())
    const kept = golden.tokens.flatMap((_, t) => golden.ids.map((id) => logits[t * V + id]!))
    expectClose(kept, golden.logits.flat(), tolerance)
    const logSumExp = golden.tokens.map((_, t) => Math.log(logits.slice(t * V, (t + 1) * V).reduce((sum, z) => sum + Math.exp(z), 0)))
    expectClose(logSumExp, golden.logSumExp, tolerance)
    tokens.dispose()
  })

  it('goes on as transformers does: the capital of Italy is Rome', async () => {
    const made = await collect(generate(model.params, model.config, { tokens: golden.tokens, maxNewTokens: 8 }))
    expect(made.map(({ token }) => token)).toEqual(golden.greedy)
  })

  it('brings tokenizer and chat template', () => {
    const tokenizer = JSON.parse(model.tokenizer['tokenizer.json']!)
    expect(Object.keys(tokenizer.model.vocab).length).toBe(49_152)
    expect(tokenizer.model.merges.length).toBe(48_900)
    const { chat_template: template, eos_token } = JSON.parse(model.tokenizer['tokenizer_config.json']!)
    expect([template.includes('You are a helpful AI assistant named SmolLM'), eos_token]).toEqual([true, '<|im_end|>'])
  })
})
