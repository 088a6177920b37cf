import type { RopeOptions, RopeScaling } from './rope.ts'

interface Open {
  readonly headDim: number
  readonly base?: number | undefined
  readonly rotaryFraction?: number | undefined
  readonly scaling?: RopeScaling | undefined
}

/** The options with nothing left open. */
export const withDefaults = ({ headDim, base = 10_000, rotaryFraction = 1, scaling = { kind: 'none' } }: Open): Required<RopeOptions> => ({
  headDim,
  base,
  rotaryFraction,
  scaling,
})
