import { expectShape, input, sizeOf } from '../context.ts'
import { dispatch, type GpuKernel, withTensors } from './device.ts'
import { bindings, main, uniformBlock } from './shader.ts'

/** Vectors of four where the size allows; a thread takes one. */
const layout = (size: number) => {
  const width = size % 4 === 0 ? 4 : 1
  const count = size / width
  return { type: width === 4 ? 'vec4<f32>' : 'f32', count, tasks: Math.ceil(count / 64) }
}
const eachElement = (body: string) => main(`let i = 64 * task + lane;\n  if (i >= u.count) { return; }\n  ${body}`)

const swiGluUniforms = uniformBlock({ tasks: 'i32', count: 'i32' })

/** `SwiGLU`: y = silu(gate)·up. */
export const swiGlu: GpuKernel = (gpu, inputs) => {
  const gate = input('SwiGLU', inputs, 'gate')
  const up = input('SwiGLU', inputs, 'up')
  expectShape('SwiGLU', 'up', up, gate.shape)
  const { type, count, tasks } = layout(sizeOf(gate.shape))
  const code = `${swiGluUniforms.struct}
${bindings([
  ['gate', type],
  ['up', type],
  ['y', type, 'read_write'],
])}
${eachElement('let g = gate[i];\n  y[i] = g / (1.0 + exp(-g)) * up[i];')}`
  return withTensors(gpu, [gate.shape], [], ([y]) => {
    dispatch(gpu, 'SwiGLU', [
      { label: 'SwiGLU', code, uniforms: swiGluUniforms.bytes({ tasks, count }), buffers: [gate, up, y!], workgroups: tasks },
    ])
  })[0]!
}

/** `SwiGLUGrad`: dGate, dUp. */
export const swiGluGrad: GpuKernel = (gpu, inputs) => {
  const gate = input('SwiGLUGrad', inputs, 'gate')
  const [up, dy] = (['up', 'dy'] as const).map((name) => input('SwiGLUGrad', inputs, name)) as [typeof gate, typeof gate]
  expectShape('SwiGLUGrad', 'up', up, gate.shape)
  expectShape('SwiGLUGrad', 'dy', dy, gate.shape)
  const { type, count, tasks } = layout(sizeOf(gate.shape))
  const code = `${swiGluUniforms.struct}
${bindings([
  ['gate', type],
  ['up', type],
  ['dy', type],
  ['dGate', type, 'read_write'],
  ['dUp', type, 'read_write'],
])}
${eachElement(`let g = gate[i];
  let d = dy[i];
  let sigmoid = 1.0 / (1.0 + exp(-g));
  dGate[i] = d * up[i] * sigmoid * (1.0 + g * (1.0 - sigmoid));
  dUp[i] = d * g * sigmoid;`)}`
  return withTensors(gpu, [gate.shape, gate.shape], [], ([dGate, dUp]) => {
    const buffers = [gate, up, dy, dGate!, dUp!]
    dispatch(gpu, 'SwiGLUGrad', [
      { label: 'SwiGLUGrad', code, uniforms: swiGluUniforms.bytes({ tasks, count }), buffers, workgroups: tasks },
    ])
  })
}

const adamUniforms = uniformBlock({
  tasks: 'i32',
  count: 'i32',
  gradientScale: 'f32',
  beta1: 'f32',
  rest1: 'f32',
  beta2: 'f32',
  rest2: 'f32',
  keep: 'f32',
  stepSize: 'f32',
  inverseRoot: 'f32',
  epsilon: 'f32',
})

/** `AdamWStep`: param', moment1', moment2'. */
export const adamWStep: GpuKernel = (gpu, inputs, attrs) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale = 1 } = attrs as unknown as AdamAttrs
  const names = ['param', 'grad', 'moment1', 'moment2'] as const
  const tensors = names.map((name) => input('AdamWStep', inputs, name))
  const { shape } = tensors[0]!
  for (const [i, tensor] of tensors.entries()) expectShape('AdamWStep', names[i]!, tensor, shape)
  const { type, count, tasks } = layout(sizeOf(shape))
  const code = `${adamUniforms.struct}
${bindings([...names.map((name) => [name, type] as const), ['newParam', type, 'read_write'], ['newMoment1', type, 'read_write'], ['newMoment2', type, 'read_write']])}
${eachElement(`let g = grad[i] * u.gradientScale;
  let m = moment1[i] * u.beta1 + g * u.rest1;
  let v = moment2[i] * u.beta2 + g * g * u.rest2;
  newMoment1[i] = m;
  newMoment2[i] = v;
  newParam[i] = param[i] * u.keep - u.stepSize * m / (sqrt(v) * u.inverseRoot + u.epsilon);`)}`
  const uniforms = adamUniforms.bytes({
    tasks,
    count,
    gradientScale,
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    keep: 1 - learningRate * weightDecay,
    stepSize: learningRate / (1 - beta1 ** step),
    inverseRoot: 1 / Math.sqrt(1 - beta2 ** step),
    epsilon,
  })
  return withTensors(gpu, [shape, shape, shape], [], (outputs) => {
    dispatch(gpu, 'AdamWStep', [{ label: 'AdamWStep', code, uniforms, buffers: [...tensors, ...outputs], workgroups: tasks }])
  })
}

interface AdamAttrs {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly step: number
  readonly gradientScale?: number
}
