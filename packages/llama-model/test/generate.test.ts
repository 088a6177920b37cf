import * as tf from '@tensorflow/tfjs-core'
import { forward, type GenerateOptions, generate, generateBatch, type LlamaConfig, type Params } from 'llama-model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { batchOf, collect, makeParams, smallConfig, tokenIds } from './support.ts'

const config: LlamaConfig = { ...smallConfig, eosTokenId: null }
/** One layer of eight channels: quick where lengths matter. */
const tinyConfig: LlamaConfig = {
  ...config,
  hiddenSize: 8,
  intermediateSize: 8,
  numHeads: 2,
  headDim: 4,
  numKvHeads: 1,
  numLayers: 1,
  rope: { headDim: 4 },
}
const prompt = tokenIds(1, 7, config.vocabSize)[0]!
let params: Params
beforeAll(() => {
  params = makeParams(config)
})
afterAll(() => tf.dispose(params))
const continued = (options: Partial<GenerateOptions> = {}) =>
  collect(generate(params, config, { tokens: prompt, maxNewTokens: 6, ...options }))

/** log-softmax of the logits after each of the tokens, by `forward`: no cache. */
const logProbabilities = (params: Params, config: LlamaConfig, tokens: readonly number[]): number[][] =>
  tf.tidy(() => tf.logSoftmax(forward(params, config, batchOf({ tokens: [[...tokens]] }))).arraySync()[0]!)

function expectGreedy(params: Params, config: LlamaConfig, prompt: readonly number[], made: Awaited<ReturnType<typeof continued>>) {
  const tokens = [...prompt, ...made.map(({ token }) => token)]
  const expected = logProbabilities(params, config, tokens.slice(0, -1)).slice(prompt.length - 1)
  for (const [i, { token, logProbability }] of made.entries()) {
    expect(token, `token ${i}`).toBe(expected[i]!.indexOf(Math.max(...expected[i]!)))
    expectClose([logProbability], [expected[i]![token]!], { atol: 2e-4 }) // float32 sums over a thousand keys in another order
  }
}

describe('greedy', () => {
  it('yields the tokens that forward without a cache finds likeliest, far beyond maxPositionEmbeddings, through every kind of cache', async () => {
    // 600 tokens of prompt go through in two pieces, 270 new ones fill the recent piece once
    const small = tinyConfig
    const own = makeParams(small, 3)
    const long = tokenIds(1, 600, small.vocabSize)[0]!
    const made = await collect(generate(own, small, { tokens: long, maxNewTokens: 270 }))
    expect(made.length).toBe(270)
    expectGreedy(own, small, long, made)
    tf.dispose(own)
  })

  it.each<[string, LlamaConfig['rope']]>([
    ['dynamic', { headDim: 8, scaling: { kind: 'dynamic', factor: 2, originalLength: 8 } }],
    [
      'longrope',
      { headDim: 8, scaling: { kind: 'longrope', factor: 4, originalLength: 8, shortFactors: [1, 1, 1, 1], longFactors: [1, 2, 3, 4] } },
    ],
  ])('with rope %s, whose frequencies are those of the whole length from the first token on', async (_, rope) => {
    const made = await collect(generate(params, { ...config, rope }, { tokens: prompt, maxNewTokens: 6 }))
    const scaling = { ...rope.scaling!, sequenceLength: prompt.length + 6 } as LlamaConfig['rope']['scaling']
    expectGreedy(params, { ...config, rope: { ...rope, scaling: scaling! } }, prompt, made)
  })

  it('with xPos', async () => {
    const rope = { headDim: 8, scaling: { kind: 'xpos', scaleBase: 16 } } as const
    const made = await collect(generate(params, { ...config, rope }, { tokens: prompt, maxNewTokens: 6 }))
    expectGreedy(params, { ...config, rope }, prompt, made)
  })
})

describe('drawing', () => {
  it('follows temperature, topK and topP', async () => {
    // every token has the same embedding, so the distribution is the same at every step
    const small: LlamaConfig = { ...tinyConfig, vocabSize: 12 }
    const own = makeParams(small)
    own['model.embed_tokens.weight']!.dispose()
    own['model.embed_tokens.weight'] = tf.ones([12, 8])
    const last = logProbabilities(own, small, [1])[0]!
    const draws = 400
    const frequencies = async (options: Partial<GenerateOptions>) => {
      const counts = last.map(() => 0)
      for await (const { token, logProbability } of generate(own, small, { tokens: [1], maxNewTokens: draws, ...options })) {
        counts[token]!++
        expectClose([logProbability], [last[token]!], { atol: 1e-4 })
      }
      return counts.map((count) => count / draws)
    }
    const byProbability = last.map((_, id) => id).sort((a, b) => last[b]! - last[a]!)
    const expectDistribution = (actual: readonly number[], kept: readonly number[], temperature: number) => {
      const weights = last.map((x, id) => (kept.includes(id) ? Math.exp(x / temperature) : 0))
      const total = weights.reduce((sum, x) => sum + x, 0)
      for (const [id, weight] of weights.entries()) {
        const p = weight / total
        // five standard deviations of a binomial count; exactly 0 where nothing may be drawn
        expectClose([actual[id]!], [p], { atol: 5 * Math.sqrt((p * (1 - p)) / draws) })
      }
    }
    expectDistribution(await frequencies({ temperature: 2 }), byProbability, 2)
    expectDistribution(await frequencies({ temperature: 1.5, topK: 3 }), byProbability.slice(0, 3), 1.5)
    const weights = byProbability.map((id) => Math.exp(last[id]! / 3))
    const total = weights.reduce((sum, x) => sum + x, 0)
    let [reached, count] = [0, 0]
    while (reached < 0.5) reached += weights[count++]! / total
    expect(count).toBeGreaterThan(1)
    expectDistribution(await frequencies({ temperature: 3, topP: 0.5 }), byProbability.slice(0, count), 3)
    tf.dispose(own)
  })

  it('repeats itself for a seed, and not for another', async () => {
    const drawn = async (seed: number) => (await continued({ temperature: 3, seed, maxNewTokens: 12 })).map(({ token }) => token)
    expect(await drawn(5)).toEqual(await drawn(5))
    expect(await drawn(5)).not.toEqual(await drawn(6))
  })
})

describe('ends', () => {
  it('after a stop token, which is the last one yielded', async () => {
    const all = (await continued()).map(({ token }) => token)
    const stop = all.at(-1)!
    const upToStop = all.slice(0, all.indexOf(stop) + 1)
    expect((await continued({ stopTokens: [999, stop] })).map(({ token }) => token)).toEqual(upToStop)
    const ownStop = generate(params, { ...config, eosTokenId: [stop] }, { tokens: prompt, maxNewTokens: 6 })
    expect((await collect(ownStop)).map(({ token }) => token)).toEqual(upToStop)
    expect(await continued({ maxNewTokens: 0 })).toEqual([])
  })

  it('with everything freed: at the end, at a break, at an abort, at an error, and when nothing is asked for', () =>
    expectNoLeaks(async () => {
      await continued()
      for await (const _ of generate(params, config, { tokens: prompt, maxNewTokens: 6 })) break
      generate(params, config, { tokens: prompt, maxNewTokens: 6 })

      const controller = new AbortController()
      const aborted = (async () => {
        for await (const _ of generate(params, config, { tokens: prompt, maxNewTokens: 6, signal: controller.signal })) controller.abort()
      })()
      await expect(aborted).rejects.toThrow('aborted')

      // a timer fires although the caller never waits for anything else
      const late = AbortSignal.timeout(20)
      await expect(continued({ maxNewTokens: 1e6, signal: late })).rejects.toThrow('timeout')

      const broken: Params = { ...params }
      const stream = generate(broken, config, { tokens: prompt, maxNewTokens: 6 })
      await stream.next()
      broken['model.layers.1.mlp.down_proj.weight'] = tf.zeros([1, 1])
      await expect(stream.next()).rejects.toThrow()
      broken['model.layers.1.mlp.down_proj.weight'].dispose()
    }))
})

it.each<[string, Partial<GenerateOptions>, string]>([
  ['no tokens', { tokens: [] }, 'generate: tokens is empty; pass at least one'],
  ['a token beyond the vocabulary', { tokens: [1, 40] }, 'generate: tokens[1] is 40; it must be a whole number in [0, 39].'],
  ['half a token', { tokens: [0.5] }, 'generate: tokens[0] is 0.5; it must be'],
  ['maxNewTokens -1', { maxNewTokens: -1 }, 'generate: maxNewTokens is -1; it must be a whole number ≥ 0.'],
  ['temperature -1', { temperature: -1 }, 'generate: temperature is -1; it must be a finite number ≥ 0.'],
  ['topK 0', { topK: 0 }, 'generate: topK is 0; it must be a whole number ≥ 1.'],
  ['topP 0', { topP: 0 }, 'generate: topP is 0; it must lie in (0, 1].'],
  ['seed 1.5', { seed: 1.5 }, 'generate: seed is 1.5; it must be a whole number ≥ 0.'],
])('refuses %s before anything is done', (_, options, message) => {
  expect(() => generate(params, config, { tokens: prompt, maxNewTokens: 6, ...options })).toThrow(message)
})

const window: LlamaConfig = { ...tinyConfig, numLayers: 2, slidingWindow: 37, fullAttentionLayers: [1] }
const kinds: [string, LlamaConfig][] = [
  ['full attention', tinyConfig],
  ['a sliding window in one of two layers', window],
  ['a window longer than what is joined at once', { ...window, slidingWindow: 300, fullAttentionLayers: [] }],
]

describe.each(kinds)('%s', (_, config) => {
  it('cached equals uncached', () =>
    expectNoLeaks(async () => {
      const own = makeParams(config, 3)
      const made = await collect(generate(own, config, { tokens: prompt, maxNewTokens: 280 }))
      expect(made.length).toBe(280)
      expectGreedy(own, config, prompt, made)
      return own
    }))

  it('a batch of prompts of different lengths gives what each gives alone', () =>
    expectNoLeaks(async () => {
      const own = makeParams(config, 3)
      const prompts = [5, 1, 300].map((length) => tokenIds(1, length, config.vocabSize)[0]!)
      const rows: number[][] = prompts.map(() => [])
      const sampling = { maxNewTokens: 30, temperature: 0.8, topP: 0.9, seed: 3 }
      for await (const { row, token } of generateBatch(own, config, { prompts, ...sampling })) rows[row]!.push(token)
      expect(rows[0]).toEqual((await collect(generate(own, config, { tokens: prompts[0]!, ...sampling }))).map(({ token }) => token))
      const newTokens = config.slidingWindow === 37 ? 270 : 30 // once through every kind of cache
      const greedy = prompts.map((): number[] => [])
      for await (const { row, token } of generateBatch(own, config, { prompts, maxNewTokens: newTokens })) greedy[row]!.push(token)
      for (const [row, tokens] of prompts.entries()) {
        const alone = await collect(generate(own, config, { tokens, maxNewTokens: newTokens }))
        expect(greedy[row], `row ${row}`).toEqual(alone.map(({ token }) => token))
      }
      return own
    }))
})

it('rows of a batch end at their own stop tokens', async () => {
  const alone = async (tokens: number[]) =>
    (await collect(generate(params, config, { tokens, maxNewTokens: 20 }))).map(({ token }) => token)
  const prompts = [prompt, prompt.slice(3)]
  const [a, b] = [await alone(prompts[0]!), await alone(prompts[1]!)]
  const stop = b[4]!
  const upTo = (tokens: number[]) => (tokens.includes(stop) ? tokens.slice(0, tokens.indexOf(stop) + 1) : tokens)
  const rows: number[][] = [[], []]
  for await (const { row, token } of generateBatch(params, config, { prompts, maxNewTokens: 20, stopTokens: [stop] }))
    rows[row]!.push(token)
  expect(rows).toEqual([upTo(a), upTo(b)])
})
