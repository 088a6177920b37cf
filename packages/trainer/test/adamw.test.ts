import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-core'
import { adamw, type OptimizerState, type Params, train } from 'trainer'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { expectNoLeaks } from '../../../test/support/leaks.ts'

interface Golden {
  shapes: number[][]
  clipShapes: number[][]
  adamw: {
    options: { beta1: number; beta2: number; epsilon: number; weightDecay: number }
    start: number[][]
    steps: { learningRate: number; gradients: number[][]; params: number[][]; moment1: number[][]; moment2: number[][] }[]
  }[]
  clip: { clipNorm: number; gradients: number[][]; norm: number; clipped: number[][] }[]
}

const golden = JSON.parse(readFileSync(new URL('./golden/torch.json', import.meta.url), 'utf8')) as Golden

// float32 holds 2⁻²⁴ ≈ 6e-8; an update rounds about ten times, and a run of seven steps adds those errors up
const rtol = 2e-6
const atol = 1e-7

describe('adamw', () => {
  it.each(golden.adamw.map((run) => [JSON.stringify(run.options), run] as const))('equals torch.optim.AdamW: %s', (_, run) =>
    expectNoLeaks(() => {
      const optimizer = adamw({ ...run.options, groups: [] })
      golden.shapes.forEach((shape, i) => {
        let param = tf.tensor(run.start[i]!, shape)
        let state = optimizer.init(param)
        run.steps.forEach(({ learningRate, gradients, params, moment1, moment2 }, step) => {
          // the scale is the trainer's clipping; here it undoes a factor 4, which is exact
          const gradient = tf.tidy(() => tf.mul(tf.tensor(gradients[i]!, shape), 4))
          const next = optimizer.update(gradient, param, state, { name: 'p', learningRate, step: step + 1, gradientScale: 0.25 })
          tf.dispose([param, state, gradient])
          ;({ param, state } = next)
          expectClose(param.dataSync(), params[i]!, { rtol, atol })
          expectClose(state.moment1!.dataSync(), moment1[i]!, { rtol, atol })
          expectClose(state.moment2!.dataSync(), moment2[i]!, { rtol, atol })
        })
        tf.dispose([param, state])
      })
    }),
  )

  it('decays matrices and embeddings, not norms and vectors, unless told otherwise', () => {
    const decayed = (name: string, shape: number[], options = {}): boolean => {
      const optimizer = adamw({ weightDecay: 0.5, ...options })
      return tf.tidy(() => {
        const param = tf.ones(shape)
        const { param: next } = optimizer.update(tf.zeros(shape), param, optimizer.init(param), {
          name,
          learningRate: 0.5,
          step: 1,
          gradientScale: 1,
        })
        const [value] = next.dataSync()
        expect([1, 0.75]).toContain(value) // p · (1 − 0.5 · 0.5)
        return value === 0.75
      })
    }
    expect(decayed('model.layers.0.mlp.up_proj.weight', [2, 3])).toBe(true)
    expect(decayed('model.embed_tokens.weight', [2, 3])).toBe(true)
    expect(decayed('model.norm.weight', [3])).toBe(false)
    expect(decayed('stacked_norms', [2, 3])).toBe(false)
    expect(decayed('bias', [3])).toBe(false)
    expect(decayed('bias', [3], { groups: [] })).toBe(true)
    const group = { match: /embed/, weightDecay: 0 }
    expect(decayed('model.embed_tokens.weight', [2, 3], { groups: [group] })).toBe(false)
    expect(decayed('bias', [3], { groups: [group] })).toBe(true)
  })

  it('hands the step to the kernel AdamWStep where the backend has one', () => {
    const calls: object[] = []
    tf.registerKernel({
      kernelName: 'AdamWStep',
      backendName: 'cpu',
      kernelFunc: ({ inputs, attrs }) => {
        calls.push({ ...attrs, inputs: Object.keys(inputs) })
        return [tf.fill([2, 2], 1), tf.fill([2, 2], 2), tf.fill([2, 2], 3)]
      },
    })
    const optimizer = adamw()
    tf.tidy(() => {
      const param = tf.zeros([2, 2])
      const options = { name: 'w', learningRate: 0.01, step: 3, gradientScale: 0.5 }
      const next = optimizer.update(tf.ones([2, 2]), param, optimizer.init(param), options)
      expect([next.param, next.state.moment1!, next.state.moment2!].map((tensor) => tensor.dataSync()[0])).toEqual([1, 2, 3])
    })
    tf.unregisterKernel('AdamWStep', 'cpu')
    const attrs = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, learningRate: 0.01, step: 3, gradientScale: 0.5 }
    expect(calls).toEqual([{ ...attrs, inputs: ['param', 'grad', 'moment1', 'moment2'] }])
  })

  it.each([
    [{ beta1: 1 }, 'adamw: beta1 is 1; it must lie in [0, 1). Usual: beta1 0.9, beta2 0.95.'],
    [{ beta2: Number.NaN }, 'adamw: beta2 is NaN; it must lie in [0, 1). Usual: beta1 0.9, beta2 0.95.'],
    [{ epsilon: -1 }, 'adamw: epsilon is -1; it must be a finite number ≥ 0. Usual: epsilon 1e-8, weightDecay 0.1.'],
    [{ weightDecay: Infinity }, 'adamw: weightDecay is Infinity; it must be a finite number ≥ 0. Usual: epsilon 1e-8, weightDecay 0.1.'],
  ])('refuses %o', (options, message) => {
    expect(() => adamw(options)).toThrow(new RangeError(message))
  })
})

describe('clipping', () => {
  it.each(golden.clip)('equals torch.nn.utils.clip_grad_norm_ at $clipNorm, norm $norm', ({ clipNorm, gradients, norm, clipped }) =>
    expectNoLeaks(async () => {
      const shapes = golden.clipShapes
      const params: Params = Object.fromEntries(shapes.map((shape, i) => [`p${i}`, tf.zeros(shape)]))
      const factors = gradients.map((gradient, i) => tf.tensor(gradient, shapes[i]!))
      // loss = Σ p·g has exactly the gradient g, whatever p; the optimizer p ← p − g shows what arrived
      const loss = (p: Params) => tf.addN(factors.map((factor, i) => tf.sum(tf.mul(p[`p${i}`]!, factor))))
      const optimizer = {
        name: 'take',
        settings: {},
        init: (): OptimizerState => ({}),
        update: (gradient: tf.Tensor, param: tf.Tensor, state: OptimizerState, { gradientScale }: { gradientScale: number }) => ({
          param: tf.tidy(() => tf.add(param, tf.mul(gradient, gradientScale))),
          state,
        }),
      }
      for await (const report of train({ params, loss, batches: [0], learningRate: () => 1, totalSteps: 1, clipNorm, optimizer })) {
        expectClose([report.gradientNorm], [norm], { rtol })
        expect(report.clipped).toBe(norm > clipNorm)
      }
      shapes.forEach((_, i) => {
        expectClose(params[`p${i}`]!.dataSync(), clipped[i]!, { rtol, atol: 1e-12 })
      })
      return [params, factors]
    }),
  )
})
