// Attention and its gradients in float64 loops, straight from the definition. Shares no code with the package.

export interface OracleProblem {
  readonly B: number
  readonly T: number
  readonly S: number
  readonly H: number
  readonly K: number
  readonly D: number
  readonly causal: boolean
  readonly scale?: number | undefined
  readonly window?: number | undefined
  readonly softcap?: number | undefined
  readonly queryIds?: ArrayLike<number> | undefined
  readonly keyIds?: ArrayLike<number> | undefined
}

export interface OracleResult {
  readonly out: Float64Array
  /** `[B, H, T]`; −∞ where a row sees no key. */
  readonly logSumExp: Float64Array
  readonly dQuery: Float64Array
  readonly dKey: Float64Array
  readonly dValue: Float64Array
}

export function sees(p: OracleProblem, b: number, i: number, j: number): boolean {
  const distance = i + p.S - p.T - j
  if (p.causal && distance < 0) return false
  if (p.window !== undefined && Math.abs(distance) >= p.window) return false
  if (p.queryIds === undefined || p.keyIds === undefined) return true
  const id = p.queryIds[b * p.T + i]
  return id !== 0 && id === p.keyIds[b * p.S + j]
}

/** query, dOut `[B, T, H, D]`, key, value `[B, S, K, D]`, dLogSumExp `[B, H, T]`, all flat. NaN and ∞ do what the formula does with them. */
export function oracle(
  p: OracleProblem,
  query: ArrayLike<number>,
  key: ArrayLike<number>,
  value: ArrayLike<number>,
  dOut: ArrayLike<number>,
  dLogSumExp?: ArrayLike<number>,
): OracleResult {
  const { B, T, S, H, K, D, scale = 1 / Math.sqrt(D), softcap } = p
  const out = new Float64Array(B * T * H * D)
  const logSumExp = new Float64Array(B * H * T).fill(Number.NEGATIVE_INFINITY)
  const dQuery = new Float64Array(B * T * H * D)
  const dKey = new Float64Array(B * S * K * D)
  const dValue = new Float64Array(B * S * K * D)
  const dot = (x: ArrayLike<number>, xAt: number, y: ArrayLike<number>, yAt: number) => {
    let sum = 0
    for (let d = 0; d < D; d++) sum += (x[xAt + d] as number) * (y[yAt + d] as number)
    return sum
  }
  const addScaled = (x: Float64Array, xAt: number, y: ArrayLike<number>, yAt: number, factor: number) => {
    for (let d = 0; d < D; d++) x[xAt + d] = (x[xAt + d] as number) + factor * (y[yAt + d] as number)
  }
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const k = Math.floor((h * K) / H)
      for (let i = 0; i < T; i++) {
        const row = ((b * T + i) * H + h) * D
        const seen = Array.from({ length: S }, (_, j) => j).filter((j) => sees(p, b, i, j))
        if (seen.length === 0) continue
        const at = (j: number) => ((b * S + j) * K + k) * D
        const raw = seen.map((j) => scale * dot(query, row, key, at(j)))
        const scores = softcap === undefined ? raw : raw.map((x) => softcap * Math.tanh(x / softcap))
        const max = scores.reduce((x, y) => Math.max(x, y))
        const at_BHT = (b * H + h) * T + i
        const exps = scores.map((x) => Math.exp(x - max))
        const sum = exps.reduce((x, y) => x + y)
        const weights = exps.map((x) => x / sum)
        logSumExp[at_BHT] = max === Number.NEGATIVE_INFINITY ? max : max + Math.log(sum)
        for (const [n, j] of seen.entries()) addScaled(out, row, value, at(j), weights[n] as number)
        const delta = dot(dOut, row, out, row) - (dLogSumExp?.[at_BHT] ?? 0)
        for (const [n, j] of seen.entries()) {
          const weight = weights[n] as number
          const capSlope = softcap === undefined ? 1 : 1 - ((scores[n] as number) / softcap) ** 2
          const dScore = weight * (dot(dOut, row, value, at(j)) - delta) * capSlope * scale
          addScaled(dValue, at(j), dOut, row, weight)
          addScaled(dKey, at(j), query, row, dScore)
          addScaled(dQuery, row, key, at(j), dScore)
        }
      }
    }
  }
  return { out, logSumExp, dQuery, dKey, dValue }
}
