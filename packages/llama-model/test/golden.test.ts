import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { forward, generate, llamaConfig, loadPretrained, loss, savePretrained, tokenLosses } from 'llama-model'
import { ropeFrequencies } from 'rope-abf'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { caseLength, cases, packed } from './golden/cases.ts'
import { batchOf, collect, makeParams, probe, tokenIds, valueAndGradients, withFolder } from './support.ts'

interface Golden {
  readonly cases: Readonly<Record<string, Case>>
  readonly packed: Pick<Case, 'loss' | 'gradients'> & { readonly tokenLosses: readonly number[][] }
  readonly saved: { readonly tokens: readonly number[][]; readonly logits: readonly number[] }
}
interface Case {
  /** sha256 of the files that transformers opened. */
  readonly files: Readonly<Record<string, string>>
  /** In the spelling of transformers 5. */
  readonly config: Readonly<Record<string, unknown>>
  /** Of the first row. */
  readonly logits: readonly number[]
  readonly loss: number
  /** Norm, and product with `probe`. */
  readonly gradients: Readonly<Record<string, readonly [number, number]>>
  readonly greedy?: readonly number[]
}
const golden: Golden = JSON.parse(readFileSync(new URL('golden/transformers.json', import.meta.url), 'utf8'))

// both sides compute in float32, in another order: errors of some ulps, through two or three layers
const tolerance = { atol: 2e-5, rtol: 2e-5 }

function expectGradients(actual: Record<string, Float32Array>, expected: Case['gradients']) {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, [norm, projection]] of Object.entries(expected)) {
    const gradient = Array.from(actual[name]!)
    const pattern = probe(gradient.length)
    const own = [Math.hypot(...gradient), gradient.reduce((sum, g, i) => sum + g * pattern[i]!, 0)]
    // a projection is a sum of terms as large as the norm that may cancel
    expectClose(own, [norm, projection], { atol: 5e-5 * Math.max(1, norm), rtol: 5e-5 })
  }
}

describe.each(Object.entries(cases))('transformers computes the same: %s', (name, config) => {
  const expected = golden.cases[name]!
  const tokens = tokenIds(2, caseLength, config.vocabSize)

  it('logits, loss and gradients', () => {
    const params = makeParams(config)
    const logits = tf.tidy(() => forward(params, config, batchOf({ tokens: tokens.slice(0, 1) })).dataSync())
    expectClose(logits, expected.logits, tolerance)
    const { value, gradients } = valueAndGradients((own) => loss(own, config, batchOf({ tokens })), params)
    expectClose([value], [expected.loss], tolerance)
    expectGradients(gradients, expected.gradients)
    tf.dispose(params)
  })

  it('in the spelling of version 5 it is the same configuration', () => {
    const { rope, ...read } = llamaConfig(expected.config)
    const { rope: own, ...rest } = config
    expect(read).toEqual(rest)
    expectClose(ropeFrequencies(rope).inverseFrequencies, ropeFrequencies(own).inverseFrequencies, { rtol: 1e-15 })
  })

  const { greedy } = expected
  if (greedy) {
    it('greedy continuation', async () => {
      const params = makeParams(config)
      const made = await collect(generate(params, config, { tokens: tokens[0]!, maxNewTokens: 16, stopTokens: [] }))
      expect(made.map(({ token }) => token)).toEqual(greedy)
      tf.dispose(params)
    })
  }

  it('from the very files that savePretrained writes', () =>
    withFolder(async (folder) => {
      const params = makeParams(config)
      const dir = join(folder, name)
      await savePretrained(dir, { params, config, maxShardBytes: name === 'plain' ? 6000 : 5e9 })
      tf.dispose(params)
      const names = (await readdir(dir)).sort()
      const hashes = await Promise.all(
        names.map(async (file) =>
          createHash('sha256')
            .update(await readFile(join(dir, file)))
            .digest('hex'),
        ),
      )
      // a change of format or settings: run golden/make.py again, so that transformers reads the new files
      expect(Object.fromEntries(names.map((file, i) => [file, hashes[i]]))).toEqual(expected.files)
    }))
})

it('a packed row has the losses and gradients of its documents, which transformers computes one by one', () => {
  const config = cases.plain!
  const { documents, lossWeights, rowLength } = packed
  const padding = Array.from({ length: rowLength - documents.flat().length }, () => 0)
  const batch = batchOf({
    tokens: [[...documents.flat(), ...padding]],
    segmentIds: [[...documents.flatMap((document, i) => document.map(() => i + 1)), ...padding]],
    positions: [[...documents.flatMap((document) => document.map((_, t) => t)), ...padding]],
    lossWeights: [[...lossWeights.flat(), ...padding]],
  })
  const params = makeParams(config)
  const { value, gradients } = valueAndGradients((own) => loss(own, config, batch), params)
  expectClose([value], [golden.packed.loss], tolerance)
  expectGradients(gradients, golden.packed.gradients)
  const nll = tokenLosses(params, config, batch)
  expectClose(nll.dataSync(), [...golden.packed.tokenLosses.flatMap((own) => [0, ...own]), ...padding], tolerance)
  tf.dispose([params, { ...batch }, nll])
})

it('a model that transformers saved: bfloat16, in shards, tied, in the spelling of version 5', async () => {
  const { params, config } = await loadPretrained(fileURLToPath(new URL('golden/transformers-5', import.meta.url)))
  expect(config).toMatchObject({ numHeads: 3, numKvHeads: 1, headDim: 4, tieWordEmbeddings: true, rope: { base: 500_000 } })
  const logits = tf.tidy(() => forward(params, config, batchOf({ tokens: golden.saved.tokens })).dataSync())
  expectClose(logits, golden.saved.logits, tolerance)
  tf.dispose(params)
})
