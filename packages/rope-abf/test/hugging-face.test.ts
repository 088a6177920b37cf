import { fromHuggingFace, type RopeOptions, ropeFrequencies, toHuggingFace, XPOS_ABF } from 'rope-abf'
import { describe, expect, it } from 'vitest'

const llama = { hidden_size: 4096, num_attention_heads: 32, max_position_embeddings: 4096 }
const yarn = { rope_type: 'yarn', factor: 8, original_max_position_embeddings: 4096 }
const factors = Array.from({ length: 48 }, (_, j) => 1 + j / 10)
const plain = (base: number): RopeOptions => ({ headDim: 128, base, rotaryFraction: 1, scaling: { kind: 'none' } })

describe('fromHuggingFace: where values stand', () => {
  it('derives the head dimension, rounding down, and prefers head_dim', () => {
    expect(fromHuggingFace(llama).headDim).toBe(128)
    expect(fromHuggingFace({ hidden_size: 4101, num_attention_heads: 32, head_dim: null }).headDim).toBe(128)
    expect(fromHuggingFace({ ...llama, head_dim: 64 }).headDim).toBe(64)
  })

  it('reads rope_theta: inside, then top level, then 10,000', () => {
    expect(fromHuggingFace(llama)).toEqual(plain(10_000))
    expect(fromHuggingFace({ ...llama, rope_theta: 5e5, rope_scaling: null })).toEqual(plain(5e5))
    expect(fromHuggingFace({ ...llama, rope_theta: 5e5, rope_parameters: { rope_type: 'default', rope_theta: 1e6 } })).toEqual(plain(1e6))
    expect(fromHuggingFace({ ...llama, rope_theta: 5e5, rope_parameters: { rope_theta: null } })).toEqual(plain(5e5))
  })

  it('lets rope_scaling replace rope_parameters, unless it is null or empty', () => {
    const rope_parameters = { rope_type: 'linear', factor: 2, rope_theta: 1e6 }
    const other = fromHuggingFace({ ...llama, rope_parameters, rope_scaling: { type: 'linear', factor: 4 } })
    expect(other).toEqual({ ...plain(10_000), scaling: { kind: 'linear', factor: 4 } })
    for (const rope_scaling of [null, {}]) {
      expect(fromHuggingFace({ ...llama, rope_parameters, rope_scaling })).toEqual({
        ...plain(1e6),
        scaling: { kind: 'linear', factor: 2 },
      })
    }
  })

  it('reads rope_type before type, and default where both are missing', () => {
    expect(fromHuggingFace({ ...llama, rope_scaling: { type: 'mrope', rope_type: 'default', mrope_section: [16, 24, 24] } })).toEqual(
      plain(10_000),
    )
    expect(fromHuggingFace({ ...llama, rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] } })).toEqual(plain(10_000))
    expect(fromHuggingFace({ ...llama, rope_scaling: { mrope_section: [16, 24, 24] } })).toEqual(plain(10_000))
  })

  it('reads partial_rotary_factor inside before the top level', () => {
    expect(fromHuggingFace({ ...llama, partial_rotary_factor: 0.5 }).rotaryFraction).toBe(0.5)
    const rope_parameters = { rope_type: 'default', partial_rotary_factor: 0.25 }
    expect(fromHuggingFace({ ...llama, partial_rotary_factor: 0.5, rope_parameters }).rotaryFraction).toBe(0.25)
  })

  it('reads the original length: top level, then inside, then the maximum', () => {
    const { original_max_position_embeddings: _, ...open } = yarn
    const length = (config: object) => {
      const { scaling } = fromHuggingFace(config)
      return scaling?.kind === 'yarn' ? scaling.originalLength : scaling
    }
    expect(length({ ...llama, rope_scaling: yarn, original_max_position_embeddings: 2048 })).toBe(2048)
    expect(length({ ...llama, rope_scaling: yarn, max_position_embeddings: 32768 })).toBe(4096)
    expect(length({ ...llama, rope_scaling: open, max_position_embeddings: 32768 })).toBe(32768)
  })
})

describe('fromHuggingFace: layer types', () => {
  const rope_parameters = {
    full_attention: { ...yarn, rope_theta: 1e6 },
    sliding_attention: { rope_type: 'default' },
    nope_attention: null,
  }
  const config = { ...llama, rope_theta: 5e5, rope_parameters, layer_types: ['full_attention', 'sliding_attention', 'nope_attention'] }

  it('answers for one layer type; null for one without RoPE', () => {
    expect(fromHuggingFace(config, { layerType: 'full_attention' })).toEqual({
      ...plain(1e6),
      scaling: { kind: 'yarn', factor: 8, originalLength: 4096 },
    })
    expect(fromHuggingFace(config, { layerType: 'sliding_attention' })).toEqual(plain(5e5))
    expect(fromHuggingFace(config, { layerType: 'nope_attention' })).toBeNull()
  })

  it('keeps the original length of the layer type, as transformers does', () => {
    const rope = fromHuggingFace({ ...config, original_max_position_embeddings: 2048 }, { layerType: 'full_attention' })
    expect(rope?.scaling).toMatchObject({ originalLength: 4096 })
  })

  it('asks for the layer type, naming those there are', () => {
    const names = /full_attention, sliding_attention, nope_attention/
    expect(() => fromHuggingFace(config)).toThrow(names)
    expect(() => fromHuggingFace(config, { layerType: 'global' })).toThrow(/layerType is "global".*full_attention, sliding_attention/)
  })

  it('gives every layer type the one RoPE of a flat config', () => {
    expect(fromHuggingFace(llama, { layerType: 'full_attention' })).toEqual(plain(10_000))
  })

  it('reads Gemma 3 as transformers 4 wrote it, and the global head dimension of Gemma 4', () => {
    const gemma3 = { head_dim: 128, rope_theta: 1e6, rope_local_base_freq: 10_000, rope_scaling: { rope_type: 'linear', factor: 8 } }
    expect(() => fromHuggingFace(gemma3)).toThrow(/full_attention, sliding_attention/)
    expect(fromHuggingFace(gemma3, { layerType: 'sliding_attention' })).toEqual(plain(10_000))
    expect(fromHuggingFace(gemma3, { layerType: 'full_attention' })).toEqual({ ...plain(1e6), scaling: { kind: 'linear', factor: 8 } })
    const full_attention = { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1e6 }
    const gemma4 = { head_dim: 256, global_head_dim: 512, rope_parameters: { full_attention, sliding_attention: { rope_theta: 1e4 } } }
    expect(fromHuggingFace(gemma4, { layerType: 'full_attention' })).toEqual({
      ...{ headDim: 512, base: 1e6, rotaryFraction: 0.25 },
      scaling: { kind: 'proportional', factor: 1 },
    })
    expect(fromHuggingFace(gemma4, { layerType: 'sliding_attention' })?.headDim).toBe(256)
  })
})

describe('fromHuggingFace: types', () => {
  it('reads YaRN: null factor, unset betas, temperatures, truncation, unknown keys', () => {
    const read = (entries: object, config: object = llama) => fromHuggingFace({ ...config, rope_scaling: { ...yarn, ...entries } }).scaling
    const basic = { kind: 'yarn', factor: 8, originalLength: 4096 }
    expect(read({ beta_fast: 0, beta_slow: null, attention_factor: null, finetuned: true })).toEqual(basic)
    expect(read({ factor: null }, { ...llama, max_position_embeddings: 16384 })).toEqual({ ...basic, factor: 4 })
    expect(read({ beta_fast: 16, beta_slow: 2, truncate: false })).toEqual({ ...basic, betaFast: 16, betaSlow: 2, truncate: false })
    expect(read({ truncate: null })).toEqual({ ...basic, truncate: false }) // None is false in Python
    expect(read({ mscale: 1, mscale_all_dim: 0.5 })).toEqual({ ...basic, mscale: 1, mscaleAllDim: 0.5 })
    expect(read({ mscale: 1, mscale_all_dim: 0 })).toEqual(basic)
    expect(read({ mscale: 1, mscale_all_dim: 0.5, attention_factor: 1.1 })).toEqual({ ...basic, attentionFactor: 1.1 })
  })

  it.each(['su', 'yarn', 'longrope'])('reads the longrope of Phi-3 called %s', (type) => {
    const phi3 = { hidden_size: 3072, num_attention_heads: 32, max_position_embeddings: 131072, original_max_position_embeddings: 4096 }
    const { scaling } = fromHuggingFace({ ...phi3, rope_scaling: { type, short_factor: factors, long_factor: factors } })
    expect(scaling).toEqual({ kind: 'longrope', shortFactors: factors, longFactors: factors, originalLength: 4096, factor: 32 })
  })

  it('reads linear, dynamic, dynamic with alpha, llama3, proportional', () => {
    const read = (rope_scaling: object) => fromHuggingFace({ ...llama, rope_scaling }).scaling
    expect(read({ type: 'linear', factor: 8 })).toEqual({ kind: 'linear', factor: 8 })
    expect(read({ type: 'dynamic', factor: 2 })).toEqual({ kind: 'dynamic', factor: 2, originalLength: 4096 })
    expect(read({ type: 'dynamic', factor: 1, alpha: 1000 })).toEqual({ kind: 'ntk', factor: 1000 })
    const llama3 = { rope_type: 'llama3', factor: 8, original_max_position_embeddings: 8192, low_freq_factor: 1, high_freq_factor: 4 }
    expect(read(llama3)).toEqual({ kind: 'llama3', factor: 8, originalLength: 8192, lowFreqFactor: 1, highFreqFactor: 4 })
    expect(read({ rope_type: 'proportional' })).toEqual({ kind: 'proportional', factor: 1 })
  })
})

describe('fromHuggingFace: refusals', () => {
  it.each<[object, RegExp]>([
    [{ rope_scaling: { rope_type: 'xdrope' } }, /rope_type is "xdrope"; known are default, linear/],
    [{ rope_scaling: { rope_type: 'linear' } }, /factor is undefined; rope_type 'linear' needs it/],
    [{ rope_scaling: { rope_type: 'linear', factor: null } }, /factor is null; rope_type 'linear' needs it/],
    [{ rope_scaling: { rope_type: 'linear', factor: '8' } }, /factor is "8"; it must be a finite number/],
    [{ rope_scaling: { rope_type: 'linear', factor: -1 } }, /factor is -1; it must be/],
    [{ rope_scaling: { rope_type: 'dynamic' } }, /factor is undefined; rope_type 'dynamic'/],
    [{ rope_scaling: { rope_type: 'dynamic', factor: 2 }, max_position_embeddings: undefined }, /max_position_embeddings is undefined/],
    [{ rope_scaling: { rope_type: 'yarn' } }, /factor is undefined; rope_type 'yarn'/],
    [{ rope_scaling: { rope_type: 'yarn', factor: 2, truncate: 'no' } }, /truncate is "no"/],
    [{ rope_scaling: { rope_type: 'llama3', factor: 8, high_freq_factor: 4 } }, /low_freq_factor is undefined; rope_type 'llama3'/],
    [{ rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1 } }, /high_freq_factor is undefined/],
    [{ rope_scaling: { rope_type: 'longrope', short_factor: factors } }, /long_factor is undefined; rope_type 'longrope'/],
    [{ rope_scaling: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }, /shortFactors has 1 entries for 64/],
    [{ rope_scaling: 'linear' }, /rope_scaling is "linear"; it must be an object/],
    [{ rope_theta: '1e4' }, /rope_theta is "1e4"/],
    [{ hidden_size: undefined }, /hidden_size is undefined; .*config.text_config/],
  ])('%j', (entries, message) => {
    expect(() => fromHuggingFace({ ...llama, ...entries })).toThrow(message)
  })
})

const shape = { headDim: 96, base: 20_000 }
const ropes: Record<string, RopeOptions> = {
  none: { headDim: 96 },
  partial: { ...shape, rotaryFraction: 0.5 },
  abf: { ...shape, scaling: { kind: 'abf' } },
  ntk: { ...shape, scaling: { kind: 'ntk', factor: 8 } },
  linear: { ...shape, scaling: { kind: 'linear', factor: 8 } },
  dynamic: { ...shape, scaling: { kind: 'dynamic', factor: 2, originalLength: 2048 } },
  yarn: { ...shape, scaling: { kind: 'yarn', factor: 8, originalLength: 4096 } },
  'yarn, all set': {
    ...shape,
    scaling: { kind: 'yarn', factor: 8, originalLength: 4096, betaFast: 16, betaSlow: 2, truncate: false, attentionFactor: 1.5 },
  },
  'yarn, mscale': { ...shape, scaling: { kind: 'yarn', factor: 8, originalLength: 4096, mscale: 1, mscaleAllDim: 0.5 } },
  longrope: {
    ...shape,
    scaling: { kind: 'longrope', shortFactors: Float64Array.from(factors), longFactors: factors, originalLength: 4096, factor: 32 },
  },
  llama3: { ...shape, scaling: { kind: 'llama3', factor: 8, originalLength: 8192 } },
  proportional: { ...shape, rotaryFraction: 0.25, scaling: { kind: 'proportional', factor: 2 } },
}
const leftovers = {
  ...{ model_type: 'llama', rope_theta: 1, rope_scaling: { rope_type: 'x' }, rope_parameters: { rope_type: 'x' }, head_dim: 1 },
  ...{ partial_rotary_factor: 0.1, original_max_position_embeddings: 7, rope_local_base_freq: 3 },
}

describe('toHuggingFace', () => {
  it.each(Object.entries(ropes))('%s: reads back to the same frequencies, through JSON and over old entries', (_, rope) => {
    const written = JSON.parse(JSON.stringify(toHuggingFace(rope, leftovers)))
    expect(ropeFrequencies(fromHuggingFace(written))).toEqual(ropeFrequencies(rope))
    expect(written.model_type).toBe('llama')
    expect(toHuggingFace(fromHuggingFace(written), leftovers)).toEqual(written)
  })

  it('writes ABF as nothing but rope_theta', () => {
    expect(toHuggingFace({ headDim: 128, scaling: { kind: 'abf' } })).toEqual({ head_dim: 128, rope_theta: 500_000, rope_scaling: null })
  })

  it('leaves max_position_embeddings alone except where frequencies depend on it', () => {
    const length = (name: string) => toHuggingFace(ropes[name]!, llama).max_position_embeddings
    expect(['abf', 'linear', 'yarn', 'llama3'].map(length)).toEqual([4096, 4096, 4096, 4096])
    expect(['dynamic', 'longrope'].map(length)).toEqual([2048, 131072])
  })

  it.each<[RopeOptions, RegExp]>([
    [{ headDim: 128, scaling: XPOS_ABF }, /'xpos' cannot be written/],
    [{ headDim: 128, scaling: { kind: 'yarn', factor: 8, originalLength: 4096, ramp: 'rotations' } }, /'rotations'/],
    [
      { headDim: 96, scaling: { kind: 'longrope', shortFactors: factors, longFactors: factors, originalLength: 4096, factor: 1.3 } },
      /factor × originalLength = 5324.8/,
    ],
    [{ headDim: 96, scaling: { kind: 'linear', factor: 0 } }, /factor is 0/],
  ])('%j is refused', (rope, message) => {
    expect(() => toHuggingFace(rope)).toThrow(message)
  })
})
