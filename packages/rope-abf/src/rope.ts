/** The same frequencies as trained with: `θ_j = base^(−2j/dim)`. */
export interface PlainScaling {
  readonly kind: 'none'
}

/**
 * Adjusted base frequency: `θ_j = base^(−2j/dim)` with a larger base, 500,000 for 32k tokens.
 * @see Xiong et al. 2023 (arXiv 2309.16039) §4.1, appendix B: `(βb)^(−2j/d)` with `b` = 10,000 and `β` = 50
 */
export interface AbfScaling {
  readonly kind: 'abf'
  /** The new base `βb` (not `β`). Default 500,000. */
  readonly base?: number
}

/**
 * Position interpolation: `θ'_j = θ_j / factor`.
 * @see Chen et al. 2023 (arXiv 2306.15595) eq. 4; `1/factor` is `α` in Xiong et al. appendix B
 */
export interface LinearScaling {
  readonly kind: 'linear'
  /** New length / trained length. */
  readonly factor: number
}

/**
 * NTK-aware: `base' = base · factor^(dim/(dim−2))`; the last frequency becomes exactly `θ_last / factor`.
 * @see Peng et al. 2023 (YaRN, arXiv 2309.00071) eq. 16
 */
export interface NtkScaling {
  readonly kind: 'ntk'
  readonly factor: number
}

/**
 * Dynamic NTK: `base' = base · (factor · S/L − (factor − 1))^(dim/(dim−2))`, `S = max(sequenceLength, L)`.
 * @see Hugging Face transformers 5.23.0, `_compute_dynamic_ntk_parameters`; YaRN §3.3
 */
export interface DynamicScaling {
  readonly kind: 'dynamic'
  readonly factor: number
  /** `L`: the length up to which nothing changes (`max_position_embeddings` in Hugging Face configs). */
  readonly originalLength: number
  /** `S`: tokens in the sequence. Default `originalLength`; `ropeTable` fills in the largest position + 1. */
  readonly sequenceLength?: number
}

/**
 * YaRN: slow pairs are interpolated, fast pairs kept, a ramp between; logits get warmer through `attentionFactor`.
 *
 * `ramp: 'index'` (default; the form of the published code and of Hugging Face): `c(n) = dim·ln(L/(2πn)) / (2·ln base)`,
 * `low = ⌊c(betaFast)⌋`, `high = ⌈c(betaSlow)⌉` (no rounding with `truncate: false`), clamped to `[0, dim−1]`,
 * `r_j = clamp((j − low)/(high − low), 0, 1)`, `θ'_j = r_j·θ_j/factor + (1 − r_j)·θ_j`.
 *
 * `ramp: 'rotations'` (NTK-by-parts of the paper, eq. 17–20): `γ_j = clamp((L·θ_j/2π − betaSlow)/(betaFast − betaSlow), 0, 1)`,
 * `θ'_j = (1 − γ_j)·θ_j/factor + γ_j·θ_j`. The two differ: 5.96e−3 against 2.81e−3 at j = 32 of d 128, L 4,096, factor 8.
 *
 * `attentionFactor` multiplies cos and sin. Default `g(factor, 1)`, or `g(factor, mscale)/g(factor, mscaleAllDim)` if both are given;
 * `g(s, m) = 0.1·m·ln s + 1` for `s > 1`, else 1 (eq. 21–22).
 * @see Peng et al. 2023 (arXiv 2309.00071) §3.2–3.4; transformers 5.23.0, `_compute_yarn_parameters`
 */
export type YarnScaling = {
  readonly kind: 'yarn'
  readonly factor: number
  /** `L`: the length the model was trained at. */
  readonly originalLength: number
  /** Pairs that turn at least this often over `L` are kept. Default 32. */
  readonly betaFast?: number
  /** Pairs that turn at most this often over `L` are interpolated. Default 1. */
  readonly betaSlow?: number
} & ({ readonly ramp?: 'index'; readonly truncate?: boolean } | { readonly ramp: 'rotations'; readonly truncate?: never }) &
  (
    | { readonly attentionFactor?: number; readonly mscale?: never; readonly mscaleAllDim?: never }
    | { readonly attentionFactor?: never; readonly mscale: number; readonly mscaleAllDim: number }
  )

/**
 * LongRoPE: `θ'_j = θ_j / e_j` with searched factors `e`: `longFactors` if `sequenceLength > originalLength`, else `shortFactors`.
 * `attentionFactor` defaults to `√(1 + ln factor / ln originalLength)`, 1 for `factor ≤ 1`.
 * @see Ding et al. 2024 (arXiv 2402.13753) §3; transformers 5.23.0, `_compute_longrope_parameters` (the attention factor is theirs)
 */
export interface LongRopeScaling {
  readonly kind: 'longrope'
  /** One divisor for each rotary pair. */
  readonly shortFactors: ArrayLike<number>
  readonly longFactors: ArrayLike<number>
  readonly originalLength: number
  /** New length / original length; only the default of `attentionFactor` depends on it. */
  readonly factor: number
  readonly attentionFactor?: number
  /** Tokens in the sequence. Default `originalLength` (short factors); `ropeTable` fills in the largest position + 1. */
  readonly sequenceLength?: number
}

/**
 * Llama 3.1: with wavelength `λ = 2π/θ`, `θ' = θ` if `λ < L/highFreqFactor`, `θ/factor` if `λ > L/lowFreqFactor`, and between them
 * `(1 − s)·θ/factor + s·θ`, `s = (L/λ − lowFreqFactor)/(highFreqFactor − lowFreqFactor)`.
 * @see transformers 5.23.0, `_compute_llama3_parameters`
 */
export interface Llama3Scaling {
  readonly kind: 'llama3'
  readonly factor: number
  readonly originalLength: number
  /** Default 1. */
  readonly lowFreqFactor?: number
  /** Default 4. */
  readonly highFreqFactor?: number
}

/**
 * Proportional: the first `k = ⌊rotaryFraction · headDim / 2⌋` pairs get `headDim`-based frequencies `base^(−2j/headDim) / factor`,
 * all other pairs frequency 0, so that pairs stay `headDim/2` apart.
 * @see transformers 5.23.0, `_compute_proportional_rope_parameters`
 */
export interface ProportionalScaling {
  readonly kind: 'proportional'
  /** Default 1. */
  readonly factor?: number
}

/**
 * xPos: rotation as in RoPE, and an exponential decay `ζ_j^(Δ/scaleBase)` of each pair with the distance `Δ`;
 * `ζ_j = (2j/dim + gamma)/(1 + gamma)`; queries are multiplied by `ζ_j^(n/scaleBase)`, keys by `ζ_j^(−n/scaleBase)`.
 * xPos ABF of Xiong et al. is `XPOS_ABF`.
 * @see Sun et al. 2022 (arXiv 2212.10554) eq. 9; defaults are torchscale's
 */
export interface XposScaling {
  readonly kind: 'xpos'
  /** Replaces the base of the rotation, as in ABF. Default: `base` of the options. */
  readonly base?: number
  /** Default 0.4. */
  readonly gamma?: number
  /** Default 512. */
  readonly scaleBase?: number
}

/** What is done to the frequencies of a trained model; each mode takes its own settings and no others. */
export type RopeScaling =
  | PlainScaling
  | AbfScaling
  | LinearScaling
  | NtkScaling
  | DynamicScaling
  | YarnScaling
  | LongRopeScaling
  | Llama3Scaling
  | ProportionalScaling
  | XposScaling

/** Rotary position embedding of one attention head. */
export interface RopeOptions {
  /** Channels of a head; even. */
  readonly headDim: number
  /** Base of the geometric series the model was trained with (`rope_theta`). Default 10,000. */
  readonly base?: number
  /** Leading share of the head that is rotated (`partial_rotary_factor`), in (0, 1]: `dim = ⌊headDim · rotaryFraction⌋`. Default 1. */
  readonly rotaryFraction?: number
  /** Default `{ kind: 'none' }`. */
  readonly scaling?: RopeScaling
}

/** Where the two channels of pair `j` lie: `half` (j, j + rotaryDim/2; Hugging Face) or `interleaved` (2j, 2j + 1; the paper, Meta). */
export type RopeLayout = 'half' | 'interleaved'
