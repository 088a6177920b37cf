// The cache gives what the whole sequence gives, on every engine.
import * as tf from '@tensorflow/tfjs-core'
import { forward, type GeneratedToken, generate, generateBatch, initParams, type LlamaConfig, llamaConfig, type Params } from 'llama-model'
import { expect, it } from 'vitest'
import { expectClose } from '../../../../test/support/close.ts'
import { engine } from '../../../../test/support/engine.ts'
import { expectNoLeaks } from '../../../../test/support/leaks.ts'

const config: LlamaConfig = {
  ...llamaConfig('tiny'),
  vocabSize: 61,
  ...{ numLayers: 1, hiddenSize: 16, intermediateSize: 16, numHeads: 2, numKvHeads: 1, headDim: 8, rope: { headDim: 8 } }, // quick
  initializerRange: 0.3,
}
const prompt = Array.from({ length: 530 }, (_, t) => (t * t * 7 + t * 3 + 5) % config.vocabSize) // goes through in two pieces

// here WebGPU is emulated, at half a second a token
const numNew = engine.backend === 'webgpu' ? 20 : 500

/** log-softmax after each token, from one pass over all: no cache. */
async function uncached(params: Params, tokens: readonly number[]): Promise<number[][]> {
  const batch = { tokens: tf.tensor2d([[...tokens]], undefined, 'int32') }
  const logits = tf.tidy(() => tf.logSoftmax(forward(params, config, batch)) as tf.Tensor3D)
  const [values] = await logits.array()
  tf.dispose([logits, { ...batch }])
  return values!
}

it(`${numNew} tokens with the cache are those without it`, () =>
  expectNoLeaks(async () => {
    const params = initParams(config, 3)
    const made: GeneratedToken[] = []
    for await (const token of generate(params, config, { tokens: prompt, maxNewTokens: numNew })) made.push(token)
    expect(made.length).toBe(numNew)
    const all = [...prompt, ...made.map(({ token }) => token)]
    const expected = (await uncached(params, all.slice(0, -1))).slice(prompt.length - 1)
    // float32 sums over a thousand keys in another order; a likelier token would have to be likelier by more than that
    const tolerance = { atol: 5e-4 }
    expectClose(
      made.map(({ logProbability }) => logProbability),
      made.map(({ token }, i) => expected[i]![token]!),
      tolerance,
    )
    expectClose(
      made.map(({ logProbability }) => logProbability),
      expected.map((own) => Math.max(...own)),
      tolerance,
    )
    return params
  }))

it('a batch of prompts gives what each gives alone', () =>
  expectNoLeaks(async () => {
    const params = initParams(config, 3)
    const prompts = [prompt.slice(0, 3), prompt.slice(0, 70), prompt.slice(7, 8)]
    const numBatched = Math.min(numNew / 4, 40)
    const rows: GeneratedToken[][] = prompts.map(() => [])
    for await (const { row, ...token } of generateBatch(params, config, { prompts, maxNewTokens: numBatched })) rows[row]!.push(token)
    for (const [row, tokens] of prompts.entries()) {
      const alone: GeneratedToken[] = []
      for await (const token of generate(params, config, { tokens, maxNewTokens: numBatched })) alone.push(token)
      expect(rows[row]!.map(({ token }) => token)).toEqual(alone.map(({ token }) => token))
      expectClose(
        rows[row]!.map(({ logProbability }) => logProbability),
        alone.map(({ logProbability }) => logProbability),
        { atol: 5e-4 },
      )
    }
    return params
  }))
