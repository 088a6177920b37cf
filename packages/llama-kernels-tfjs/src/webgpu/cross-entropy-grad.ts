import { expectShape, input } from '../context.ts'
import { readCrossEntropy, type Smoothing } from './cross-entropy.ts'
import { type Dispatch, dispatch, type GpuKernel, withTensors } from './device.ts'
import { product, productTiles, TILE } from './product.ts'
import { bindings, main, uniformBlock, unroll } from './shader.ts'

const uniforms = uniformBlock({
  tasks: 'i32',
  across: 'i32',
  first: 'i32',
  rows: 'i32',
  C: 'i32',
  V: 'i32',
  labelSmoothing: 'f32',
  zLoss: 'f32',
})
const place = `let x = lane % 8;
  let y = lane / 8;
  let row0 = task / u.across * ${TILE};
  let column0 = task % u.across * ${TILE};`
const eachSum = (line: (r: number) => string) => unroll(4, line)

/** dLogits [rows, V] of a chunk: `dLoss·(p·(1 + 2·z·lse) − ε/V − (1 − ε)·[v = target])`, `p = e^(x − lse)`. */
const logitsShader = `${uniforms.struct}
${bindings([
  ['hidden', 'f32'],
  ['weight', 'f32'],
  ['targets', 'i32'],
  ['logSumExp', 'f32'],
  ['dLosses', 'f32'],
  ['dLogits', 'f32', 'read_write'],
])}
fn hiddenAt(n: i32, k: i32) -> f32 { if (n < u.rows && k < u.C) { return hidden[(u.first + n) * u.C + k]; } return 0.0; }
fn weightAt(v: i32, k: i32) -> f32 { if (v < u.V && k < u.C) { return weight[v * u.C + k]; } return 0.0; }
${productTiles}
fn store(row: i32, column0: i32, logits: vec4<f32>) {
  if (row >= u.rows) { return; }
  let n = u.first + row;
  let dLoss = dLosses[n];
  let lse = logSumExp[n];
  for (var i = 0; i < 4 && column0 + i < u.V; i++) {
    let v = column0 + i;
    let hit = select(0.0, 1.0 - u.labelSmoothing, v == targets[n]);
    let slope = exp(logits[i] - lse) * (1.0 + 2.0 * u.zLoss * lse) - u.labelSmoothing / f32(u.V) - hit;
    dLogits[row * u.V + v] = select(0.0, dLoss * slope, dLoss != 0.0); // a row left out has no log-sum-exp
  }
}
${main(`${place}
  ${product('hiddenAt', 'weightAt', 'u.C')}
  ${eachSum((r) => `store(row0 + 4 * y + ${r}, column0 + 4 * x, sum${r});`)}`)}`

/** dHidden of a chunk: `dLogits · weight`. */
const hiddenShader = `${uniforms.struct}
${bindings([
  ['dLogits', 'f32'],
  ['weight', 'f32'],
  ['dHidden', 'f32', 'read_write'],
])}
fn dLogitAt(n: i32, v: i32) -> f32 { if (n < u.rows && v < u.V) { return dLogits[n * u.V + v]; } return 0.0; }
fn weightAt(c: i32, v: i32) -> f32 { if (v < u.V && c < u.C) { return weight[v * u.C + c]; } return 0.0; }
${productTiles}
fn store(n: i32, column0: i32, sum: vec4<f32>) {
  for (var i = 0; i < 4 && n < u.rows && column0 + i < u.C; i++) { dHidden[(u.first + n) * u.C + column0 + i] = sum[i]; }
}
${main(`${place}
  ${product('dLogitAt', 'weightAt', 'u.V')}
  ${eachSum((r) => `store(row0 + 4 * y + ${r}, column0 + 4 * x, sum${r});`)}`)}`

/** Adds a chunk's share of dWeight, `dLogitsᵀ · hidden`; the first chunk starts it. Chunks follow one another: sums have one order. */
const weightShader = `${uniforms.struct}
${bindings([
  ['dLogits', 'f32'],
  ['hidden', 'f32'],
  ['dLosses', 'f32'],
  ['dWeight', 'f32', 'read_write'],
])}
fn dLogitAt(v: i32, n: i32) -> f32 { if (n < u.rows && v < u.V) { return dLogits[n * u.V + v]; } return 0.0; }
// rows that do not count may hold anything
fn hiddenAt(c: i32, n: i32) -> f32 {
  if (n < u.rows && c < u.C && dLosses[u.first + n] != 0.0) { return hidden[(u.first + n) * u.C + c]; }
  return 0.0;
}
${productTiles}
fn store(v: i32, column0: i32, sum: vec4<f32>) {
  for (var i = 0; i < 4 && v < u.V && column0 + i < u.C; i++) {
    let at = v * u.C + column0 + i;
    if (u.first == 0) { dWeight[at] = sum[i]; } else { dWeight[at] += sum[i]; }
  }
}
${main(`${place}
  ${product('dLogitAt', 'hiddenAt', 'u.rows')}
  ${eachSum((r) => `store(row0 + 4 * y + ${r}, column0 + 4 * x, sum${r});`)}`)}`

/**
 * `LinearCrossEntropyGrad`: dHidden [N, C], dWeight [V, C] unless `weightGradient` is false. Rows go in chunks whose logit gradients are made once, used for both, and
 * overwritten: the memory is that of one chunk, 8 MiB or 128 rows, whatever N is.
 */
export const linearCrossEntropyGrad: GpuKernel = (gpu, inputs, attrs) => {
  const { hidden, weight, targets, N, C, V } = readCrossEntropy('LinearCrossEntropyGrad', inputs)
  const logSumExp = input('LinearCrossEntropyGrad', inputs, 'logSumExp')
  const dLosses = input('LinearCrossEntropyGrad', inputs, 'dLosses')
  expectShape('LinearCrossEntropyGrad', 'logSumExp', logSumExp, [N])
  expectShape('LinearCrossEntropyGrad', 'dLosses', dLosses, [N])
  const { labelSmoothing = 0, zLoss = 0, weightGradient = true } = attrs as unknown as Smoothing & { weightGradient?: boolean }
  const chunk = Math.min(N, 1024, Math.max(128, Math.floor(2 ** 21 / V)))
  const outputs = [hidden.shape, ...(weightGradient ? [weight.shape] : [])]
  return withTensors(gpu, outputs, [{ shape: [chunk, V], dtype: 'float32' }], ([dHidden, dWeight], [dLogits]) => {
    const tiles = (length: number) => Math.ceil(length / TILE)
    const steps: Dispatch[] = []
    for (let first = 0; first < N; first += chunk) {
      const rows = Math.min(chunk, N - first)
      const step = (label: string, code: string, [down, across]: readonly [number, number], buffers: Dispatch['buffers']) => {
        const tasks = tiles(down) * tiles(across)
        const bytes = uniforms.bytes({ tasks, across: tiles(across), first, rows, C, V, labelSmoothing, zLoss })
        steps.push({ label: `LinearCrossEntropyGrad ${label}`, code, uniforms: bytes, buffers, workgroups: tasks })
      }
      step('dLogits', logitsShader, [rows, V], [hidden, weight, targets, logSumExp, dLosses, dLogits!])
      step('dHidden', hiddenShader, [rows, C], [dLogits!, weight, dHidden!])
      if (dWeight) step('dWeight', weightShader, [V, C], [dLogits!, hidden, dLosses, dWeight])
    }
    dispatch(gpu, 'LinearCrossEntropyGrad', steps)
  })
}
