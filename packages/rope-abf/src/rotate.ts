import { ropeFrequencies } from './frequencies.ts'
import type { RopeLayout, RopeOptions } from './rope.ts'

export interface RotateOptions {
  /** Default `'half'`. */
  readonly layout?: RopeLayout
  /** What the head is; needed for xPos, which treats the two differently. Without effect elsewhere. */
  readonly role?: 'query' | 'key'
}

/** First channel and partner of pair `j` among `rotaryDim` channels. */
const channels = (j: number, rotaryDim: number, layout: RopeLayout): [number, number] =>
  layout === 'half' ? [j, j + rotaryDim / 2] : [2 * j, 2 * j + 1]

/**
 * One head at one position, rotated in float64: for every pair `(a, b)` with angle `φ = position · θ'_j`
 * `a' = s·(a·cos φ − b·sin φ)`, `b' = s·(a·sin φ + b·cos φ)`; channels beyond `rotaryDim` are copied.
 * `s` is `attentionFactor`, for xPos times `ζ_j^(±position/scaleBase)` (+ query, − key).
 *
 * The oracle of this package: slow, exact, for tests and for reading. `applyRope` of `rope-abf/tfjs` does the same to tensors.
 * A negative position is the inverse rotation.
 * @throws RangeError if `x` has not `headDim` entries or `position` is not finite; TypeError for xPos without a role
 * @see Xiong et al. 2023 (arXiv 2309.16039) appendix B; Su et al. 2021 (arXiv 2104.09864) eq. 15
 */
export function rotate(
  x: ArrayLike<number>,
  position: number,
  rope: RopeOptions,
  { layout = 'half', role }: RotateOptions = {},
): Float64Array {
  const { headDim, rotaryDim, inverseFrequencies, attentionFactor, xpos } = ropeFrequencies(rope)
  if (x.length !== headDim) {
    throw new RangeError(`rotate: x has ${x.length} entries for headDim ${headDim}; pass one head of ${headDim} numbers.`)
  }
  if (!Number.isFinite(position)) throw new RangeError(`rotate: position is ${position}; it must be a finite number. Pass such a number.`)
  if (xpos && !role) throw new TypeError("rotate: xPos scales queries and keys differently; pass role: 'query' or 'key'.")
  const y = Float64Array.from(x)
  for (let j = 0; j < rotaryDim / 2; j++) {
    const [first, second] = channels(j, rotaryDim, layout)
    const angle = position * inverseFrequencies[j]!
    const decay = xpos ? xpos.zeta[j]! ** ((role === 'key' ? -position : position) / xpos.scaleBase) : 1
    const cos = Math.cos(angle) * attentionFactor * decay
    const sin = Math.sin(angle) * attentionFactor * decay
    const [a, b] = [x[first]!, x[second]!]
    y[first] = a * cos - b * sin
    y[second] = a * sin + b * cos
  }
  return y
}
