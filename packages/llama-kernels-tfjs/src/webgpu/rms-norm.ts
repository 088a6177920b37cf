import { expectShape, input, sizeOf } from '../context.ts'
import { dispatch, type GpuKernel, withTensors } from './device.ts'
import { bindings, main, uniformBlock, workgroupSum } from './shader.ts'

const uniforms = uniformBlock({ tasks: 'i32', rows: 'i32', C: 'i32', parts: 'i32', epsilon: 'f32' })

/** A workgroup takes a row. */
const forwardShader = `${uniforms.struct}
${bindings([
  ['x', 'f32'],
  ['weight', 'f32'],
  ['y', 'f32', 'read_write'],
  ['inverseRms', 'f32', 'read_write'],
])}
${workgroupSum}
${main(`let at = task * u.C;
  var squares = 0.0;
  for (var c = lane; c < u.C; c += 64) { squares += x[at + c] * x[at + c]; }
  let inverse = inverseSqrt(total(lane, squares) / f32(u.C) + u.epsilon);
  for (var c = lane; c < u.C; c += 64) { y[at + c] = x[at + c] * inverse * weight[c]; }
  if (lane == 0) { inverseRms[task] = inverse; }`)}`

/** `dx = inverse·(g − x̂·mean(g·x̂))` with `g = dy·weight`, `x̂ = x·inverse`. A workgroup takes a row. */
const inputShader = `${uniforms.struct}
${bindings([
  ['x', 'f32'],
  ['weight', 'f32'],
  ['inverseRms', 'f32'],
  ['dy', 'f32'],
  ['dx', 'f32', 'read_write'],
])}
${workgroupSum}
${main(`let at = task * u.C;
  let inverse = inverseRms[task];
  var products = 0.0;
  for (var c = lane; c < u.C; c += 64) { products += dy[at + c] * weight[c] * x[at + c]; }
  let mean = total(lane, products) * inverse / f32(u.C);
  for (var c = lane; c < u.C; c += 64) { dx[at + c] = inverse * (dy[at + c] * weight[c] - x[at + c] * inverse * mean); }`)}`

/** Σ dy·x̂ over a share of the rows. A thread takes a column. */
const weightShader = `${uniforms.struct}
${bindings([
  ['x', 'f32'],
  ['inverseRms', 'f32'],
  ['dy', 'f32'],
  ['partial', 'f32', 'read_write'],
])}
${main(`let part = task % u.parts;
  let c = 64 * (task / u.parts) + lane;
  if (c >= u.C) { return; }
  var sum = 0.0;
  for (var row = part; row < u.rows; row += u.parts) { sum += dy[row * u.C + c] * x[row * u.C + c] * inverseRms[row]; }
  partial[part * u.C + c] = sum;`)}`

const sumShader = `${uniforms.struct}
${bindings([
  ['partial', 'f32'],
  ['dWeight', 'f32', 'read_write'],
])}
${main(`let c = 64 * task + lane;
  if (c >= u.C) { return; }
  var sum = 0.0;
  for (var part = 0; part < u.parts; part++) { sum += partial[part * u.C + c]; }
  dWeight[c] = sum;`)}`

/** `RMSNorm`: y, inverseRms [rows]. */
export const rmsNorm: GpuKernel = (gpu, inputs, attrs) => {
  const x = input('RMSNorm', inputs, 'x')
  const weight = input('RMSNorm', inputs, 'weight')
  const C = x.shape.at(-1) ?? 1
  expectShape('RMSNorm', 'weight', weight, [C])
  const rows = sizeOf(x.shape.slice(0, -1))
  const { epsilon } = attrs as unknown as { readonly epsilon: number }
  return withTensors(gpu, [x.shape, [rows]], [], (outputs) => {
    const bytes = uniforms.bytes({ tasks: rows, rows, C, parts: 1, epsilon })
    dispatch(gpu, 'RMSNorm', [
      { label: 'RMSNorm', code: forwardShader, uniforms: bytes, buffers: [x, weight, ...outputs], workgroups: rows },
    ])
  })
}

/** `RMSNormGrad`: dx, dWeight, the latter from up to 32 partial sums. */
export const rmsNormGrad: GpuKernel = (gpu, inputs) => {
  const [x, weight, inverseRms, dy] = (['x', 'weight', 'inverseRms', 'dy'] as const).map((name) => input('RMSNormGrad', inputs, name)) as [
    Info,
    Info,
    Info,
    Info,
  ]
  const C = x.shape.at(-1) ?? 1
  const rows = sizeOf(x.shape.slice(0, -1))
  expectShape('RMSNormGrad', 'weight', weight, [C])
  expectShape('RMSNormGrad', 'inverseRms', inverseRms, [rows])
  expectShape('RMSNormGrad', 'dy', dy, x.shape)
  const parts = Math.min(32, rows)
  const columns = Math.ceil(C / 64)
  return withTensors(gpu, [x.shape, [C]], [{ shape: [parts, C], dtype: 'float32' }], ([dx, dWeight], [partial]) => {
    const step = (label: string, code: string, tasks: number, buffers: Info[]) => ({
      label,
      code,
      uniforms: uniforms.bytes({ tasks, rows, C, parts, epsilon: 0 }),
      buffers,
      workgroups: tasks,
    })
    dispatch(gpu, 'RMSNormGrad', [
      step('RMSNormGrad dx', inputShader, rows, [x, weight, inverseRms, dy, dx!]),
      step('RMSNormGrad parts', weightShader, columns * parts, [x, inverseRms, dy, partial!]),
      step('RMSNormGrad dWeight', sumShader, columns, [partial!, dWeight!]),
    ])
  })
}

type Info = ReturnType<typeof input>
