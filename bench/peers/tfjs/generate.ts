import * as tf from '@tensorflow/tfjs'
import { type GeneratedToken, generate, type Params } from 'llama-model'
import type { Prepared } from '../../serve-peer.ts'
import { type GenerateInput, noiseLlama } from '../noise-llama.ts'

function modelOf(input: GenerateInput) {
  const { config, tokens, weights } = noiseLlama(input)
  const params: Params = {}
  for (const [name, { shape, values }] of weights()) params[name] = tf.tensor(values, [...shape])
  const start = () => generate(params, config, { tokens, maxNewTokens: 1e5, stopTokens: [] })
  return { start, params }
}

/** From prompt to first token. */
export function preparePrefill(input: GenerateInput): Prepared {
  const { start, params } = modelOf(input)
  let first: GeneratedToken | undefined
  return {
    async run() {
      const began = performance.now()
      const stream = start()
      first = (await stream.next()).value as GeneratedToken
      const milliseconds = performance.now() - began
      await stream.return()
      return { '': milliseconds }
    },
    check: () => [first!.logProbability],
    dispose: () => tf.dispose(params),
  }
}

/** One token more, behind T of them. */
export async function prepareToken(input: GenerateInput): Promise<Prepared> {
  const { start, params } = modelOf(input)
  const stream = start()
  const { value } = await stream.next()
  const first = value as GeneratedToken
  return {
    async run() {
      const began = performance.now()
      await stream.next()
      return { '': performance.now() - began }
    },
    check: () => [first.logProbability],
    dispose() {
      void stream.return()
      tf.dispose(params)
    },
  }
}
