import { expectShape, input } from '../context.ts'
import { dispatch, type GpuKernel, withTensors } from './device.ts'
import { product, productTiles, TILE } from './product.ts'
import { bindings, main, uniformBlock, unroll } from './shader.ts'

const uniforms = uniformBlock({
  tasks: 'i32',
  N: 'i32',
  C: 'i32',
  V: 'i32',
  splits: 'i32',
  columnsPerSplit: 'i32',
  weighted: 'i32',
  labelSmoothing: 'f32',
  zLoss: 'f32',
})

/**
 * Loss of a block of rows over a share of the vocabulary: maximum of the logits, sum of `e^(x − max)`, logit of the target, sum of the
 * logits. Logits live in registers; a thread keeps the four numbers over its own columns until the end.
 */
const partsShader = `${uniforms.struct}
${bindings([
  ['hidden', 'f32'],
  ['weight', 'f32'],
  ['targets', 'i32'],
  ['rowWeights', 'f32'],
  ['parts', 'vec4<f32>', 'read_write'],
])}
fn hiddenAt(n: i32, k: i32) -> f32 { if (n < u.N && k < u.C) { return hidden[n * u.C + k]; } return 0.0; }
fn weightAt(v: i32, k: i32) -> f32 { if (v < u.V && k < u.C) { return weight[v * u.C + k]; } return 0.0; }
${productTiles}
var<workgroup> shares: array<vec4<f32>, ${TILE * 8}>;
fn join(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  let top = max(a.x, b.x);
  return vec4<f32>(top, a.y * exp(a.x - top) + b.y * exp(b.x - top), a.z + b.z, a.w + b.w);
}
${main(`let x = lane % 8;
  let y = lane / 8;
  let split = task % u.splits;
  let row0 = task / u.splits * ${TILE};
  if (u.weighted == 1) {
    var ignored = true;
    for (var n = row0; n < min(row0 + ${TILE}, u.N); n++) { ignored = ignored && rowWeights[n] == 0.0; }
    if (ignored) { return; }
  }
  ${unroll(4, (r) => `var part${r} = vec4<f32>(-1e30, 0.0, 0.0, 0.0);\n  let target${r} = targets[min(row0 + 4 * y + ${r}, u.N - 1)];`)}
  let end = min(u.V, (split + 1) * u.columnsPerSplit);
  for (var column0 = split * u.columnsPerSplit; column0 < end; column0 += ${TILE}) {
    ${product('hiddenAt', 'weightAt', 'u.C')}
    for (var i = 0; i < 4; i++) {
      let v = column0 + 4 * x + i;
      if (v < end) {
        ${unroll(4, (r) => `part${r} = join(part${r}, vec4<f32>(sum${r}[i], 1.0, select(0.0, sum${r}[i], v == target${r}), sum${r}[i]));`)}
      }
    }
  }
  ${unroll(4, (r) => `shares[(4 * y + ${r}) * 8 + x] = part${r};`)}
  workgroupBarrier();
  if (lane < ${TILE} && row0 + lane < u.N) {
    var all_ = shares[lane * 8];
    for (var i = 1; i < 8; i++) { all_ = join(all_, shares[lane * 8 + i]); }
    parts[split * u.N + row0 + lane] = all_;
  }`)}`

/** `loss = lse − (1 − ε)·x_target − ε·mean(x) + z·lse²`. A thread takes a row. */
const lossShader = `${uniforms.struct}
${bindings([
  ['parts', 'vec4<f32>'],
  ['rowWeights', 'f32'],
  ['losses', 'f32', 'read_write'],
  ['logSumExp', 'f32', 'read_write'],
])}
${main(`let n = 64 * task + lane;
  if (n >= u.N) { return; }
  if (u.weighted == 1 && rowWeights[n] == 0.0) {
    losses[n] = 0.0;
    logSumExp[n] = 0.0;
    return;
  }
  var top = -1e30;
  for (var i = 0; i < u.splits; i++) { top = max(top, parts[i * u.N + n].x); }
  var sums = vec3<f32>(0.0);
  for (var i = 0; i < u.splits; i++) {
    let part = parts[i * u.N + n];
    sums += vec3<f32>(part.y * exp(part.x - top), part.z, part.w);
  }
  let lse = top + log(sums.x);
  losses[n] = lse - (1.0 - u.labelSmoothing) * sums.y - u.labelSmoothing * sums.z / f32(u.V) + u.zLoss * lse * lse;
  logSumExp[n] = lse;`)}`

/** Vocabulary that one workgroup takes: enough workgroups for a device from a few rows. */
const COLUMNS_PER_SPLIT = 1024

/** `LinearCrossEntropy`: losses [N], logSumExp [N] of the logits hidden·weightᵀ, which are never stored. Targets are not checked. */
export const linearCrossEntropy: GpuKernel = (gpu, inputs, attrs) => {
  const { hidden, weight, targets, N, C, V } = readCrossEntropy('LinearCrossEntropy', inputs)
  const rowWeights = inputs.weights === undefined ? undefined : input('LinearCrossEntropy', inputs, 'weights')
  if (rowWeights) expectShape('LinearCrossEntropy', 'weights', rowWeights, [N])
  const { labelSmoothing = 0, zLoss = 0 } = attrs as unknown as Smoothing
  const splits = Math.ceil(V / COLUMNS_PER_SPLIT)
  return withTensors(gpu, [[N], [N]], [{ shape: [splits, N, 4], dtype: 'float32' }], ([losses, logSumExp], [parts]) => {
    const bytes = (tasks: number) =>
      uniforms.bytes({ tasks, N, C, V, splits, columnsPerSplit: COLUMNS_PER_SPLIT, weighted: rowWeights ? 1 : 0, labelSmoothing, zLoss })
    const [blocks, rows] = [Math.ceil(N / TILE) * splits, Math.ceil(N / 64)]
    const weights = rowWeights ?? hidden // something must be bound
    dispatch(gpu, 'LinearCrossEntropy', [
      {
        label: 'LinearCrossEntropy parts',
        code: partsShader,
        uniforms: bytes(blocks),
        buffers: [hidden, weight, targets, weights, parts!],
        workgroups: blocks,
      },
      {
        label: 'LinearCrossEntropy',
        code: lossShader,
        uniforms: bytes(rows),
        buffers: [parts!, weights, losses!, logSumExp!],
        workgroups: rows,
      },
    ])
  })
}

export interface Smoothing {
  readonly labelSmoothing?: number
  readonly zLoss?: number
}

export function readCrossEntropy(kernel: string, inputs: Parameters<GpuKernel>[1]) {
  const hidden = input(kernel, inputs, 'hidden')
  const weight = input(kernel, inputs, 'weight')
  const targets = input(kernel, inputs, 'targets', 'int32')
  const [N = 0, C = 0] = hidden.shape
  const V = weight.shape[0] ?? 0
  expectShape(kernel, 'hidden', hidden, [N, C])
  expectShape(kernel, 'weight', weight, [V, C])
  expectShape(kernel, 'targets', targets, [N])
  return { hidden, weight, targets, N, C, V }
}
