import { expectShape, input, sizeOf } from '../context.ts'
import { dispatch, type GpuKernel, withTensors } from './device.ts'
import { bindings, main, uniformBlock } from './shader.ts'

const uniforms = uniformBlock({ tasks: 'i32', pairs: 'i32', half: 'i32', heads: 'i32', tokens: 'i32', interleaved: 'i32', sign: 'f32' })

/** A thread turns a pair. `tokens` counts those of the tables: they repeat over the batch when there is one for all. */
const shader = `${uniforms.struct}
${bindings([
  ['x', 'f32'],
  ['cos_', 'f32'],
  ['sin_', 'f32'],
  ['y', 'f32', 'read_write'],
])}
${main(`let i = 64 * task + lane;
  if (i >= u.pairs) { return; }
  let pair = i % u.half;
  let vector = i / u.half;
  let at = vector * 2 * u.half;
  let angle = (vector / u.heads % u.tokens) * u.half + pair;
  let first = at + select(pair, 2 * pair, u.interleaved == 1);
  let second = first + select(u.half, 1, u.interleaved == 1);
  let c = cos_[angle];
  let s = sin_[angle] * u.sign;
  y[first] = x[first] * c - x[second] * s;
  y[second] = x[second] * c + x[first] * s;`)}`

/** `RotaryEmbedding` of x [B, T, H, D] with cos, sin [B or 1, T, 1, D/2]; `inverse` turns the other way, which is the gradient. */
export const rotaryEmbedding: GpuKernel = (gpu, inputs, attrs) => {
  const { layout = 'half', inverse = false } = attrs as unknown as { readonly layout?: string; readonly inverse?: boolean }
  if (layout !== 'half' && layout !== 'interleaved') {
    throw new RangeError(`RotaryEmbedding: layout is '${layout}'; it must be 'half' or 'interleaved'.`)
  }
  const x = input('RotaryEmbedding', inputs, 'x')
  const cos = input('RotaryEmbedding', inputs, 'cos')
  const sin = input('RotaryEmbedding', inputs, 'sin')
  const [batch = 0, length = 0, heads = 0, headDim = 0] = x.shape
  if (x.shape.length !== 4 || headDim % 2 !== 0) {
    throw new RangeError(`RotaryEmbedding: x has shape [${x.shape}]; it must be [B, T, H, D] with an even D.`)
  }
  const tables = cos.shape[0] === 1 ? 1 : batch
  for (const [name, table] of Object.entries({ cos, sin })) expectShape('RotaryEmbedding', name, table, [tables, length, 1, headDim / 2])
  const pairs = sizeOf(x.shape) / 2
  const tasks = Math.ceil(pairs / 64)
  const interleaved = layout === 'interleaved' ? 1 : 0
  return withTensors(gpu, [x.shape], [], ([y]) => {
    const bytes = uniforms.bytes({ tasks, pairs, half: headDim / 2, heads, tokens: tables * length, interleaved, sign: inverse ? -1 : 1 })
    dispatch(gpu, 'RotaryEmbedding', [
      { label: 'RotaryEmbedding', code: shader, uniforms: bytes, buffers: [x, cos, sin, y!], workgroups: tasks },
    ])
  })[0]!
}
