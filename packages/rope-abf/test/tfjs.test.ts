import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { registerTrainingKernels } from 'llama-kernels-tfjs'
import { type RopeLayout, type RopeOptions, rotate } from 'rope-abf'
import { applyRope, ropeTable } from 'rope-abf/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shareWasmHeap } from 'wasm-heap-tfjs'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { ropes } from './support.ts'

type Role = 'query' | 'key'
const [B, T, H, D] = [2, 7, 3, 16] as const
const packed = [
  [0, 1, 2, 3, 0, 1, 2], // two segments
  [0, 1, 0, 1, 2, 150, 31], // three, positions in any order
]
const values = (seed: number) => Float32Array.from({ length: B * T * H * D }, (_, i) => Math.sin(seed + 12.9898 * i))
const tensor = (seed: number): tf.Tensor4D => tf.tensor4d(values(seed), [B, T, H, D])
const positionsTensor = () => tf.tensor2d(packed, [B, T], 'int32')

/** `f` on every head of x with the position of its token. */
function eachHead(x: Float32Array, f: (head: Float32Array, position: number) => Float64Array): Float64Array {
  const y = new Float64Array(x.length)
  for (let head = 0; head < B * T * H; head++) {
    const token = Math.floor(head / H)
    y.set(f(x.subarray(head * D, (head + 1) * D), packed[Math.floor(token / T)]![token % T]!), head * D)
  }
  return y
}

/** The transposed rotation, from the columns of its matrix: rotated unit vectors. */
function transposed(dy: Float32Array, position: number, rope: RopeOptions, options: { layout: RopeLayout; role: Role }): Float64Array {
  return Float64Array.from(dy, (_, i) => {
    const column = rotate(
      Array.from({ length: D }, (_, c) => (c === i ? 1 : 0)),
      position,
      rope,
      options,
    )
    return column.reduce((sum, value, c) => sum + value * dy[c]!, 0)
  })
}

// Two products and a sum, cos and sin rounded to float32: 6.6 units of 2^−24 for |x| ≤ 1 and an attention factor of 1.25.
const tolerance = { atol: 5e-7 }

let unregister = () => {}
const engines: Record<string, () => Promise<unknown>> = {
  'cpu, composed': async () => tf.setBackend('cpu'),
  'wasm, composed': async () => {
    await shareWasmHeap(wasm)
    await tf.setBackend('wasm')
  },
  'wasm, kernel': async () => {
    await tf.setBackend('wasm')
    unregister = registerTrainingKernels({ threads: 2 }).unregister
  },
}

describe.each(Object.keys(engines))('%s', (engine) => {
  beforeAll(engines[engine]!)
  afterAll(() => {
    unregister()
    unregister = () => {}
  })

  it('runs what it says', async () => {
    const [x, table] = [tensor(0), ropeTable(ropes.none, T)]
    const { kernelNames, result } = await tf.profile(() => applyRope(x, table))
    expect(kernelNames.includes('RotaryEmbedding')).toBe(engine === 'wasm, kernel')
    tf.dispose([x, table, result])
  })

  describe.each(Object.entries<RopeOptions>(ropes))('%s', (_, rope) => {
    it.each<[RopeLayout, Role]>([
      ['half', 'query'],
      ['interleaved', 'key'],
    ])('%s, %s: values and gradient of packed rows equal the float64 rotation', (layout, role) => {
      const [y, dx] = tf.tidy(() => {
        const table = ropeTable(rope, positionsTensor())
        const f = (x: tf.Tensor) => applyRope(tf.reshape(x, [B, T, H, D]), table, { layout, role })
        return [f(tensor(0)).dataSync(), tf.grad(f)(tensor(0), tensor(1)).dataSync()]
      })
      expectClose(
        y,
        eachHead(values(0), (head, position) => rotate(head, position, rope, { layout, role })),
        tolerance,
      )
      expectClose(
        dx,
        eachHead(values(1), (head, position) => transposed(head, position, rope, { layout, role })),
        tolerance,
      )
    })
  })

  it('the gradient is that of finite differences', () => {
    const table = ropeTable(ropes.partial, T)
    const weights = tensor(1)
    const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(weights, applyRope(tf.reshape(x, [B, T, H, D]), table)))
    const gradient = tf.tidy(() => tf.grad(loss)(tensor(0)).dataSync())
    for (const i of [0, 5, 12, 200, 671]) {
      const difference = tf.tidy(() => {
        const step = (by: number) => {
          const x = values(0)
          x[i]! += by
          return loss(tf.tensor4d(x, [B, T, H, D])).dataSync()[0]!
        }
        return (step(1) - step(-1)) / 2 // exact for a linear function, so a large step is best
      })
      expectClose([gradient[i]!], [difference], { atol: 1e-5 }) // a float32 sum of 672 terms up to 1
    }
    tf.dispose([table, weights])
  })

  it('leaks nothing, forward or backward, also when the table goes before the gradient is taken', async () => {
    for (const rope of [ropes.none, ropes.partial, ropes.xpos]) {
      const x = tensor(0)
      await expectNoLeaks(() => {
        const table = ropeTable(rope, T)
        const y = applyRope(x, table, { role: 'key' })
        tf.dispose(table)
        return y
      })
      await expectNoLeaks(() =>
        tf.grad((x) => {
          const table = ropeTable(rope, T)
          const y = applyRope(tf.reshape(x, [B, T, H, D]), table, { role: 'query' })
          tf.dispose(table)
          return tf.square(y)
        })(x),
      )
      x.dispose()
    }
  })
})

describe('on cpu', () => {
  beforeAll(() => tf.setBackend('cpu'))

  it('the second derivative of the squared norm is 2', () => {
    const table = ropeTable(ropes.none, T)
    const gradient = tf.grad((x) => tf.sum(tf.square(applyRope(tf.reshape(x, [B, T, H, D]), table))))
    const second = tf.tidy(() =>
      tf
        .grad((x) => tf.sum(gradient(x)))(tensor(0))
        .dataSync(),
    )
    expectClose(second, new Float32Array(second.length).fill(2), { atol: 1e-6 })
    tf.dispose(table)
  })

  it('a table for T, for a list and for a tensor of positions agree', () => {
    tf.tidy(() => {
      const tables = [5, [0, 1, 2, 3, 4], Int32Array.of(0, 1, 2, 3, 4), tf.tensor2d([[0, 1, 2, 3, 4]], [1, 5], 'int32')].map((positions) =>
        ropeTable(ropes.yarn, positions),
      )
      for (const { headDim, cos, sin } of tables) {
        expect([headDim, cos.shape, sin.shape]).toEqual([16, [1, 5, 1, 8], [1, 5, 1, 8]])
        expect(cos.dataSync()).toEqual(tables[0]!.cos.dataSync())
        expect(sin.dataSync()).toEqual(tables[0]!.sin.dataSync())
      }
    })
  })

  it('angles are exact at a million tokens: rounded once, from float64', () => {
    tf.tidy(() => {
      const { cos } = ropeTable({ headDim: 2 }, [1_000_003])
      expect(cos.dataSync()[0]).toBe(Math.fround(Math.cos(1_000_003)))
    })
  })

  it.each([
    ['dynamic', { kind: 'dynamic', factor: 2, originalLength: 4 }],
    ['longrope', { kind: 'longrope', shortFactors: [1, 1], longFactors: [2, 3], originalLength: 4, factor: 2 }],
  ] as const)('%s follows the largest position, unless its sequenceLength is fixed', (_, scaling) => {
    const cos = (scaling: RopeOptions['scaling'] & object, length: number) =>
      tf.tidy(() => Array.from(ropeTable({ headDim: 4, scaling }, length).cos.dataSync()))
    expect(cos(scaling, 8)).toEqual(cos({ ...scaling, sequenceLength: 8 }, 8))
    expect(cos(scaling, 4)).toEqual(cos({ ...scaling, sequenceLength: 4 }, 4))
    expect(cos(scaling, 8).slice(0, 8)).not.toEqual(cos(scaling, 4))
    expect(cos({ ...scaling, sequenceLength: 8 }, 4)).toEqual(cos(scaling, 8).slice(0, 8))
  })

  it('refuses positions that are none, before any tensor is made', async () => {
    const positions = tf.tensor2d([[0, 1]])
    await expectNoLeaks(() => {
      expect(() => ropeTable(ropes.none, 0)).toThrow(/positions is 0/)
      expect(() => ropeTable(ropes.none, [])).toThrow(/positions is empty/)
      expect(() => ropeTable(ropes.none, [0, -1])).toThrow(/positions\[1\] is -1/)
      expect(() => ropeTable(ropes.none, [0.5])).toThrow(/positions\[0\] is 0.5/)
      expect(() => ropeTable(ropes.none, positions)).toThrow(/positions is a float32 tensor of shape \[1,2\]; it must be int32/)
      expect(() => ropeTable(ropes.xpos, [1_000_000])).toThrow(/xPos scales position 1000000 .* Raise scaleBase \(4096\)/)
    })
    positions.dispose()
  })

  it('refuses what does not fit the table', () => {
    tf.tidy(() => {
      const x = tensor(0)
      const table = ropeTable(ropes.none, T)
      expect(() => applyRope(x, ropeTable(ropes.none, T - 1))).toThrow(/the table is for \[B, 6, H, 16\] and x is \[2,7,3,16\]/)
      expect(() => applyRope(x, ropeTable({ headDim: 8 }, T))).toThrow(/the table is for \[B, 7, H, 8\]/)
      expect(() => applyRope(tf.slice(x, 0, 1), ropeTable(ropes.none, positionsTensor()))).toThrow(/the table is for \[2, 7, H, 16\]/)
      expect(() => applyRope(tf.cast(x, 'int32'), table)).toThrow(/x is a int32 tensor/)
      expect(() => applyRope(JSON.parse('{ "rank": 3, "dtype": "float32", "shape": [1, 2, 3] }'), table)).toThrow(/shape \[1,2,3\]/)
      expect(() => applyRope(x, ropeTable(ropes.xpos, T))).toThrow(/pass role: 'query' or 'key'/)
      expect(() => applyRope(x, table, { layout: JSON.parse('"neox"') })).toThrow(/layout is "neox"/)
    })
  })
})
