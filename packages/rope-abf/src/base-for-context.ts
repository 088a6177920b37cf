import { checkWhole } from './check.ts'

/** Euler–Mascheroni constant. */
const gamma = 0.5772156649015329

/**
 * A base for attention over `length` tokens with plain RoPE or ABF: the one at which the curve of Fig. 4 (`attentionDecay`), at distance
 * `length`, has sunk to two standard deviations above zero, so that a far match still scores above no match at nearly every distance.
 *
 * `b = exp(s²)`, `s = (c + √(c² + 4a))/2`, `a = ln length + γ`, `c = 2·√(ln length / headDim)`, γ = 0.5772…
 *
 * Derivation: read as an integral over j, `Σ_j cos(Δ·b^(−2j/d))` is `(d/2)·(ln(b/Δ) − γ)/ln b` up to oscillating terms. Those come from the
 * `(d/2)·ln Δ/ln b` pairs that have turned, each with variance 1/2 if phases are spread. Setting mean = 2 standard deviations at
 * `Δ = length` gives `x − c√x − a = 0` for `x = ln b`.
 *
 * This gives 457,000 for 32,768 tokens and head dimension 128, where the paper settled on 500,000 by experiment; base 10,000 is what 1,300
 * tokens need. The rule of Men et al., the smallest base whose curve is nowhere negative, needs a scan and gives 630,000 there. It is not
 * the NTK rule `base·factor^(d/(d−2))` (82,685 for eightfold): that keeps the slowest pair within angles seen in training, is what to
 * use *without* further training, and exists as `scaling: { kind: 'ntk' }`.
 *
 * @param length context in tokens
 * @param headDim channels of a head; smaller heads average over fewer pairs and need a larger base
 * @throws RangeError if `length` or `headDim` is not a whole number of at least 2
 * @see Xiong et al. 2023 (arXiv 2309.16039) §4.1, Fig. 4; Men et al. 2024, _Base of RoPE Bounds Context Length_ (arXiv 2405.14591)
 */
export function baseForContext(length: number, headDim: number): number {
  checkWhole('baseForContext', 'length', length, 2)
  checkWhole('baseForContext', 'headDim', headDim, 2)
  const a = Math.log(length) + gamma
  const c = 2 * Math.sqrt(Math.log(length) / headDim)
  return Math.exp(((c + Math.sqrt(c ** 2 + 4 * a)) / 2) ** 2)
}
