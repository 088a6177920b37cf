import { ropeFrequencies } from 'rope-abf'
import type { LlamaConfig } from '../config.ts'
import type { ExportConfig } from './export-config.ts'
import { frequencyDivisors } from './rope.ts'
import type { Entry } from './write-header.ts'

/** Base and scaling as llama.cpp reads them. @throws RangeError for a rope that it does not compute */
export function exportRope({ rope, maxPositionEmbeddings }: LlamaConfig, architecture: string): ExportConfig {
  const { base = 10_000, scaling = { kind: 'none' }, rotaryFraction = 1 } = rope
  const prefix = `${architecture}.rope`
  const number = (key: string, value: number): Entry => [`${prefix}.${key}`, 'float32', value]
  const count = (key: string, value: number): Entry => [`${prefix}.${key}`, 'uint32', value]
  const kind = (name: string): Entry => [`${prefix}.scaling.type`, 'string', name]
  const plain = (metadata: readonly Entry[]): ExportConfig => ({ metadata, ropeFactors: {} })
  if (rotaryFraction !== 1)
    throw new RangeError(`exportGguf: config.rope.rotaryFraction is ${rotaryFraction}; llama.cpp turns whole heads.`)
  switch (scaling.kind) {
    case 'none':
    case 'abf':
    case 'ntk':
      return plain([number('freq_base', ropeFrequencies(rope).series?.base ?? base)])
    case 'linear':
      return plain([number('freq_base', base), kind('linear'), number('scaling.factor', scaling.factor)])
    case 'yarn': {
      if (scaling.ramp === 'rotations' || scaling.truncate === false) {
        throw new RangeError("exportGguf: config.rope.scaling is 'yarn' with another ramp; llama.cpp has 'index' with whole bounds.")
      }
      const { factor, originalLength, betaFast = 32, betaSlow = 1 } = scaling
      const usual = 1 + 0.1 * Math.log(factor) // which llama.cpp multiplies by attn_factor
      return plain([
        number('freq_base', base),
        kind('yarn'),
        number('scaling.factor', factor),
        count('scaling.original_context_length', originalLength),
        number('scaling.attn_factor', ropeFrequencies(rope).attentionFactor / usual),
        number('scaling.yarn_beta_fast', betaFast),
        number('scaling.yarn_beta_slow', betaSlow),
      ])
    }
    case 'llama3':
      return { metadata: [number('freq_base', base)], ropeFactors: { 'rope_freqs.weight': Float32Array.from(frequencyDivisors(rope)) } }
    case 'longrope':
      return {
        metadata: [
          number('freq_base', base),
          kind('longrope'),
          number('scaling.factor', maxPositionEmbeddings / scaling.originalLength),
          count('scaling.original_context_length', scaling.originalLength),
          number('scaling.attn_factor', ropeFrequencies(rope).attentionFactor),
        ],
        ropeFactors: {
          'rope_factors_long.weight': Float32Array.from(scaling.longFactors),
          'rope_factors_short.weight': Float32Array.from(scaling.shortFactors),
        },
      }
    default:
      throw new RangeError(`exportGguf: config.rope.scaling is '${scaling.kind}', which llama.cpp does not compute.`)
  }
}
