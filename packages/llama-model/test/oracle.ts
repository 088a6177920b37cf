import type { LlamaConfig } from 'llama-model'
import { ropeFrequencies } from 'rope-abf'
import type { Rows } from './support.ts'

type Vector = number[]
export type HostParams = Readonly<Record<string, ArrayLike<number>>>

/**
 * Negative log-likelihood of every token given those before it in its segment, [B][T], by float64 loops over one token after the other,
 * straight from the formulas: no batch, no tensor, no mask. NaN where nothing is predicted.
 */
export function tokenLossesInFloat64(params: HostParams, config: LlamaConfig, { tokens, segmentIds, positions }: Rows): Vector[] {
  return tokens.map((row, b) => {
    const ids = segmentIds?.[b] ?? row.map(() => 1)
    const layers = Array.from({ length: config.numLayers }, (): Seen[] => [])
    const hidden = row.map((token, t) => (ids[t] === 0 ? [] : nextHidden(params, config, token, positions?.[b]?.[t] ?? t, ids[t]!, layers)))
    return row.map((token, t) => {
      if (t === 0 || ids[t] === 0 || ids[t] !== ids[t - 1]) return Number.NaN
      const logits = times(params[config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight']!, hidden[t - 1]!)
      return Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[token]!
    })
  })
}

/** `Σ w·nll / Σ w`. */
export function lossInFloat64(params: HostParams, config: LlamaConfig, rows: Rows): number {
  let [sum, total] = [0, 0]
  for (const [b, losses] of tokenLossesInFloat64(params, config, rows).entries()) {
    for (const [t, nll] of losses.entries()) {
      if (Number.isNaN(nll)) continue
      const weight = rows.lossWeights?.[b]?.[t] ?? 1
      sum += weight * nll
      total += weight
    }
  }
  return total === 0 ? 0 : sum / total
}

/** Keys and values of one earlier token in one layer. */
interface Seen {
  readonly segment: number
  readonly keys: Vector
  readonly values: Vector
}

function nextHidden(params: HostParams, config: LlamaConfig, token: number, position: number, segment: number, layers: Seen[][]): Vector {
  const { hiddenSize: C, numHeads: H, numKvHeads: K, headDim: D, rmsNormEps } = config
  const norm = (x: Vector, name: string) => {
    const root = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / C + rmsNormEps)
    return x.map((v, i) => (v / root) * params[name]![i]!)
  }
  const rotated = (x: Vector) => {
    const { inverseFrequencies, attentionFactor } = ropeFrequencies(config.rope)
    const y = [...x]
    for (let start = 0; start < x.length; start += D) {
      for (let j = 0; j < D / 2; j++) {
        const angle = position * inverseFrequencies[j]!
        const [a, b] = [x[start + j]!, x[start + j + D / 2]!]
        y[start + j] = attentionFactor * (a * Math.cos(angle) - b * Math.sin(angle))
        y[start + j + D / 2] = attentionFactor * (a * Math.sin(angle) + b * Math.cos(angle))
      }
    }
    return y
  }
  let x = Array.from({ length: C }, (_, i) => params['model.embed_tokens.weight']![token * C + i]!)
  for (const [layer, seen] of layers.entries()) {
    const own = (name: string) => `model.layers.${layer}.${name}.weight`
    const project = (name: string, input: Vector) => times(params[own(name)]!, input)
    const h = norm(x, own('input_layernorm'))
    const queries = rotated(project('self_attn.q_proj', h))
    seen.push({ segment, keys: rotated(project('self_attn.k_proj', h)), values: project('self_attn.v_proj', h) })
    const visible = seen.filter((other) => other.segment === segment)
    const attended = queries.map(() => 0)
    for (let head = 0; head < H; head++) {
      const kvStart = Math.floor(head / (H / K)) * D
      const weights = visible.map(({ keys }) => {
        let score = 0
        for (let i = 0; i < D; i++) score += queries[head * D + i]! * keys[kvStart + i]!
        return Math.exp(score / Math.sqrt(D))
      })
      const total = weights.reduce((sum, w) => sum + w, 0)
      for (const [s, { values }] of visible.entries()) {
        for (let i = 0; i < D; i++) attended[head * D + i]! += (weights[s]! / total) * values[kvStart + i]!
      }
    }
    x = sum(x, project('self_attn.o_proj', attended))
    const m = norm(x, own('post_attention_layernorm'))
    const up = project('mlp.up_proj', m)
    const gated = project('mlp.gate_proj', m).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!)
    x = sum(x, project('mlp.down_proj', gated))
  }
  return norm(x, 'model.norm.weight')
}

const sum = (a: Vector, b: Vector): Vector => a.map((v, i) => v + b[i]!)

/** A row-major matrix times a vector. */
const times = (matrix: ArrayLike<number>, x: Vector): Vector =>
  Array.from({ length: matrix.length / x.length }, (_, row) => x.reduce((total, v, i) => total + v * matrix[row * x.length + i]!, 0))
