import { fromHuggingFace, type RopeOptions, ropeFrequencies, toHuggingFace } from 'rope-abf'
import { expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import configs from './golden/configs.json' with { type: 'json' }
import four from './golden/transformers-4.json' with { type: 'json' }
import five from './golden/transformers-5.json' with { type: 'json' }

interface Golden {
  readonly attentionFactor: number
  readonly inverseFrequencies: readonly number[]
}
interface Case {
  readonly config: Readonly<Record<string, unknown>>
  readonly layerType?: string
  readonly sequenceLength?: number
}
const read: Record<string, Case> = configs.read
const written: Record<string, { rope: unknown; config: Readonly<Record<string, unknown>>; sequenceLength?: number }> = configs.written
const version4: Record<string, Golden> = four.cases
const version5: Record<string, Golden> = five.cases

function at(rope: RopeOptions, sequenceLength: number | undefined): RopeOptions {
  const { scaling } = rope
  if (sequenceLength === undefined || (scaling?.kind !== 'dynamic' && scaling?.kind !== 'longrope')) return rope
  return { ...rope, scaling: { ...scaling, sequenceLength } }
}

function expectGolden(rope: RopeOptions, golden: Golden | undefined) {
  const { inverseFrequencies, attentionFactor } = ropeFrequencies(rope)
  // torch computes base^(2j/dim) in float32: the exponent's rounding, 6e-8, times ln(base) ≤ 14, and two roundings more
  expectClose(inverseFrequencies, golden!.inverseFrequencies, { rtol: 2e-6 })
  expectClose([attentionFactor], [golden!.attentionFactor], { rtol: 1e-12 }) // float64 on both sides
}

it.each(Object.entries(read))('transformers 5 reads alike: %s', (name, { config, layerType, sequenceLength }) => {
  const rope = layerType === undefined ? fromHuggingFace(config) : fromHuggingFace(config, { layerType })
  expectGolden(at(rope!, sequenceLength), version5[name])
})

it.each(Object.entries(written))('transformers 4 and 5 read what was %s', (name, { rope, config, sequenceLength }) => {
  const options = rope as RopeOptions
  const { model_type, hidden_size, num_attention_heads } = config
  const model = { model_type, hidden_size, num_attention_heads, max_position_embeddings: 4096 }
  expect(toHuggingFace(options, model)).toEqual(config) // the golden files were made from these very configs
  expectGolden(at(options, sequenceLength), version5[name])
  if (options.scaling?.kind !== 'proportional') expectGolden(at(options, sequenceLength), version4[name])
})
