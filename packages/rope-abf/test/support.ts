import { type RopeOptions, XPOS_ABF } from 'rope-abf'

const factors = (slope: number) => Array.from({ length: 8 }, (_, j) => 1 + slope * j)

/** Every kind of scaling once, on heads of 16 channels; `sequenceLength` is fixed where it counts, so that oracle and table agree on it. */
export const ropes = {
  none: { headDim: 16 },
  partial: { headDim: 16, rotaryFraction: 0.5 },
  abf: { headDim: 16, scaling: { kind: 'abf' } },
  linear: { headDim: 16, scaling: { kind: 'linear', factor: 8 } },
  ntk: { headDim: 16, scaling: { kind: 'ntk', factor: 4 } },
  dynamic: { headDim: 16, scaling: { kind: 'dynamic', factor: 2, originalLength: 64, sequenceLength: 256 } },
  yarn: { headDim: 16, scaling: { kind: 'yarn', factor: 8, originalLength: 4096 } },
  byParts: { headDim: 16, scaling: { kind: 'yarn', factor: 8, originalLength: 4096, ramp: 'rotations', attentionFactor: 1 } },
  longrope: {
    headDim: 16,
    scaling: {
      kind: 'longrope',
      shortFactors: factors(0.01),
      longFactors: factors(0.5),
      originalLength: 64,
      factor: 8,
      sequenceLength: 65,
    },
  },
  llama3: { headDim: 16, base: 500_000, scaling: { kind: 'llama3', factor: 8, originalLength: 8192 } },
  proportional: { headDim: 16, rotaryFraction: 0.5, scaling: { kind: 'proportional' } },
  xpos: { headDim: 16, scaling: XPOS_ABF },
} satisfies Record<string, RopeOptions>
