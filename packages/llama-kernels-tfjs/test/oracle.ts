// The fused ops and their gradients in float64, as the papers write them.
import type { AdamwOptions } from 'llama-kernels-tfjs'

/** A linear congruential generator: the same numbers in every run, in (−1, 1). */
export function numbers(seed: number): (size: number, scale?: number) => Float32Array {
  let state = seed
  return (size, scale = 1) =>
    Float32Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return scale * (state / 2 ** 31 - 1)
    })
}

interface NormProblem {
  readonly rows: number
  readonly C: number
  readonly x: Float32Array
  readonly w: Float32Array
  readonly dy: Float32Array
  readonly epsilon: number
}

/** `y = w·x/r`, `r = √(mean x² + ε)`: y, dx, dw. */
export function normalised({ rows, C, x, w, dy, epsilon }: NormProblem): Float64Array[] {
  const [y, dx, dw] = [new Float64Array(rows * C), new Float64Array(rows * C), new Float64Array(C)]
  for (let row = 0; row < rows; row++) {
    const at = (c: number) => row * C + c
    let squares = 0
    let dot = 0
    for (let c = 0; c < C; c++) {
      squares += x[at(c)]! ** 2
      dot += dy[at(c)]! * w[c]! * x[at(c)]!
    }
    const r = Math.sqrt(squares / C + epsilon)
    for (let c = 0; c < C; c++) {
      y[at(c)] = (w[c]! * x[at(c)]!) / r
      dx[at(c)] = (dy[at(c)]! * w[c]!) / r - (x[at(c)]! * dot) / (C * r ** 3)
      dw[c]! += (dy[at(c)]! * x[at(c)]!) / r
    }
  }
  return [y, dx, dw]
}

/** `y = gate·σ(gate)·up`: y, dGate, dUp. */
export function swish(gate: Float32Array, up: Float32Array, dy: Float32Array): Float64Array[] {
  const sigmoid = (g: number) => 1 / (1 + Math.exp(-g))
  return [
    Float64Array.from(gate, (g, i) => g * sigmoid(g) * up[i]!),
    Float64Array.from(gate, (g, i) => dy[i]! * up[i]! * sigmoid(g) * (1 + g * (1 - sigmoid(g)))),
    Float64Array.from(gate, (g, i) => dy[i]! * g * sigmoid(g)),
  ]
}

interface CrossEntropyProblem {
  readonly N: number
  readonly C: number
  readonly V: number
  readonly h: Float32Array
  readonly w: Float32Array
  readonly targets: Int32Array
  readonly weights: Float32Array
}

/** `Σ weights·(logΣe^x − x_target) / Σ weights` with `x = h·wᵀ`: loss, dHidden, dWeight. */
export function crossEntropy({ N, C, V, h, w, targets, weights }: CrossEntropyProblem): Float64Array[] {
  const [loss, dh, dw] = [new Float64Array(1), new Float64Array(N * C), new Float64Array(V * C)]
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (let n = 0; n < N; n++) {
    const share = weights[n]! / total
    const logits = Float64Array.from({ length: V }, (_, v) => {
      let sum = 0
      for (let c = 0; c < C; c++) sum += h[n * C + c]! * w[v * C + c]!
      return sum
    })
    const top = logits.reduce((most, value) => Math.max(most, value))
    const logSumExp = top + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - top), 0))
    loss[0]! += share * (logSumExp - logits[targets[n]!]!)
    for (let v = 0; v < V; v++) {
      const d = share * (Math.exp(logits[v]! - logSumExp) - (v === targets[n] ? 1 : 0))
      for (let c = 0; c < C; c++) {
        dh[n * C + c]! += d * w[v * C + c]!
        dw[v * C + c]! += d * h[n * C + c]!
      }
    }
  }
  return [loss, dh, dw]
}

interface AdamwState {
  readonly param: Float32Array
  readonly grad: Float32Array
  readonly moment1: Float32Array
  readonly moment2: Float32Array
}

/** Loshchilov & Hutter 2019, algorithm 2, in PyTorch's form: param, moment1, moment2. */
export function adamw(
  { param, grad, moment1, moment2 }: AdamwState,
  { learningRate, step, beta1, beta2, epsilon, weightDecay, gradientScale }: Required<AdamwOptions>,
): Float64Array[] {
  const g = Float64Array.from(grad, (value) => value * gradientScale)
  const m = Float64Array.from(moment1, (value, i) => beta1 * value + (1 - beta1) * g[i]!)
  const v = Float64Array.from(moment2, (value, i) => beta2 * value + (1 - beta2) * g[i]! ** 2)
  const p = Float64Array.from(param, (value, i) => {
    const step1 = m[i]! / (1 - beta1 ** step)
    const step2 = v[i]! / (1 - beta2 ** step)
    return value * (1 - learningRate * weightDecay) - (learningRate * step1) / (Math.sqrt(step2) + epsilon)
  })
  return [p, m, v]
}
