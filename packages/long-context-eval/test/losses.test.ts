import fc from 'fast-check'
import { fitPowerLaw, lossByContext, lossByPosition, powerLawLoss } from 'long-context-eval'
import { describe, expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { scripted } from './models.ts'

const law = { alpha: 20, beta: 0.5, gamma: 1.5 }
/** `count` windows of random tokens below 1,000. */
const windowsOf = (count: number, length: number) =>
  Array.from({ length: count }, (_, w) => Int32Array.from({ length }, (_, t) => (t * 7919 + w * 104_729 + ((t * t) % 331)) % 1000))
// losses are float32: 2⁻²⁴ relative, and a mean keeps that
const rtol = 1e-7

describe('lossByPosition', () => {
  it('averages bins of positions over windows (float64 loops)', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 2, max: 60 }),
        fc.integer({ min: 1, max: 70 }),
        async (n, length, binSize) => {
          const windows = windowsOf(n, length)
          const lossOf = (t: number, own: Int32Array) => 1 + t / 10 + own[t]! / 500
          const bins = await lossByPosition(scripted(lossOf).model, windows, { binSize })
          const expected = new Map<number, number[][]>()
          windows.forEach((window, w) => {
            for (let t = 1; t < length; t++) {
              const centre = (Math.floor(t / binSize) + 0.5) * binSize
              if (!expected.has(centre))
                expected.set(
                  centre,
                  windows.map(() => []),
                )
              expected.get(centre)![w]!.push(lossOf(t, window))
            }
          })
          const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length
          expect(bins.map(({ position }) => position)).toEqual([...expected.keys()])
          bins.forEach(({ position, loss, perDocument, count, standardError }) => {
            const own = expected.get(position)!
            const means = own.map(mean)
            expect(count).toBe(own.flat().length)
            expectClose([loss], [mean(means)], { rtol })
            expectClose(perDocument, means, { rtol })
            if (n === 1) {
              expect(standardError).toBeUndefined()
              return
            }
            const variance = means.reduce((sum, x) => sum + (x - loss) ** 2, 0) / (n - 1)
            expectClose([standardError!], [Math.sqrt(variance / n)], { rtol: 1e-5, atol: 1e-6 }) // float32 losses, then a difference
          })
        },
      ),
      { numRuns: 50 },
    ))

  it('shows where a model leaves the positions it knows, with the paper’s bins', async () => {
    const { model } = scripted((t) => (t < 4096 ? 2 : 8))
    const bins = await lossByPosition(model, windowsOf(2, 32_768), { binSize: 500 })
    expect(bins.length).toBe(66)
    expect([bins[0]!.position, bins[65]!.position]).toEqual([250, 32_750]) // Fig. 9a's centres
    expect([bins[0]!.count, bins[65]!.count]).toEqual([2 * 499, 2 * 268])
    expect(bins.filter(({ loss }) => loss === 2).map(({ position }) => position)).toEqual([250, 750, 1250, 1750, 2250, 2750, 3250, 3750])
    expectClose([bins[8]!.loss], [(96 * 2 + 404 * 8) / 500], { rtol })
  })
})

describe('lossByContext', () => {
  it('measures a power law that the model has, so that fitPowerLaw finds it', async () => {
    const { model } = scripted((t) => powerLawLoss(law, t))
    const points = await lossByContext(model, windowsOf(3, 1024), { contexts: [1, 2, 4, 8, 15, 512, 1023], targetTokens: 1 })
    expectClose(
      points.map(({ loss }) => loss),
      points.map(({ context }) => powerLawLoss(law, context)),
      { rtol },
    )
    const fit = fitPowerLaw(points, { samples: points.map(({ perDocument }) => perDocument), resamples: 10 })
    expectClose([fit.alpha, fit.beta, fit.gamma], [20, 0.5, 1.5], { rtol: 1e-5 }) // float32 losses
  })

  it('gives every target at least c and fewer than 9/8·c tokens, and scores exactly the last targetTokens (n-gram oracle)', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200 }), async (targetTokens, context) => {
        // windows of several lengths whose tokens tell window and place; the loss tells both, and how far the model saw
        const windows = [0, 1, 2].map((w) => Int32Array.from({ length: context + targetTokens + 3 * w }, (_, t) => 1000 * w + t))
        const seen: { window: number; place: number; before: number }[] = []
        const { model, calls } = scripted((t, own) => {
          seen.push({ window: Math.floor(own[t]! / 1000), place: own[t]! % 1000, before: t })
          return own[t]! / 100
        })
        const [point] = await lossByContext(model, windows, { contexts: [context], targetTokens })
        const targets = windows.map((window) => window.subarray(window.length - targetTokens))
        const means = targets.map((own) => own.reduce((sum, token) => sum + token / 100, 0) / targetTokens)
        expectClose(point!.perDocument, means, { rtol: 1e-6 }) // float32 losses of growing size
        expectClose([point!.loss], [(means[0]! + means[1]! + means[2]!) / 3], { rtol: 1e-6 })
        // of everything the model scored, the targets are what has enough context
        const enough = seen.filter(({ before }) => before >= context)
        expect(enough.length).toBe(3 * targetTokens)
        for (const { window, place, before } of enough) {
          expect(place).toBeGreaterThanOrEqual(windows[window]!.length - targetTokens)
          expect(before).toBeLessThan(context < 16 ? context + 1 : (9 / 8) * context)
        }
        for (const call of calls) expect(new Set(call.map(({ length }) => length)).size).toBe(1)
      }),
      { numRuns: 60 },
    ))

  it('a model that sees k tokens gains nothing beyond k', async () => {
    const { model } = scripted((t) => powerLawLoss(law, Math.min(t, 64)))
    const points = await lossByContext(model, windowsOf(2, 600), { contexts: [16, 32, 64, 128, 512], targetTokens: 32 })
    const losses = points.map(({ loss }) => loss)
    expect(losses[0]! - losses[1]!).toBeGreaterThan(0.1)
    expect(losses[1]! - losses[2]!).toBeGreaterThan(0.1)
    expect(losses.slice(2)).toEqual([losses[2], losses[2], losses[2]])
  })
})

describe('calls of the model', () => {
  it('hold sequences of one length, at most 65,536 tokens, a longer one alone', async () => {
    const { model, calls } = scripted(() => 1)
    await lossByPosition(model, windowsOf(10, 20_000), { binSize: 1000 })
    expect(calls.map(({ length }) => length)).toEqual([3, 3, 3, 1])
    calls.length = 0
    await lossByPosition(model, windowsOf(2, 70_000), { binSize: 1000 })
    expect(calls.map(({ length }) => length)).toEqual([1, 1])
  })

  it('report progress, and stop where the signal says so', async () => {
    const steps: string[] = []
    const controller = new AbortController()
    const { model, calls } = scripted(() => 1)
    const options = { contexts: [4, 32], targetTokens: 8, signal: controller.signal }
    await lossByContext(model, windowsOf(3, 64), { ...options, onProgress: (done, total) => steps.push(`${done}/${total}`) })
    expect(steps).toEqual(['24/30', '30/30']) // 8 targets alone for 3 windows, then groups of 4
    calls.length = 0
    const stopped = lossByContext(model, windowsOf(3, 64), { ...options, onProgress: () => controller.abort(new Error('enough')) })
    await expect(stopped).rejects.toThrow('enough')
    expect(calls.length).toBe(1)
  })
})

describe('refuses', () => {
  const { model, calls } = scripted(() => 1)
  const windows = windowsOf(2, 64)
  const position = (over: object, own = windows) => lossByPosition(model, own, { binSize: 8, ...over })
  const context = (over: object, own = windows) => lossByContext(model, own, { contexts: [8], targetTokens: 8, ...over })

  it.each([
    ['no windows', () => position({}, []), 'lossByPosition: windows is empty'],
    ['a bin size of 0', () => position({ binSize: 0 }), 'lossByPosition: binSize is 0; it must be a whole number ≥ 1'],
    ['windows of one token', () => position({}, windowsOf(1, 1)), 'length of the windows is 1; it must be a whole number ≥ 2'],
    [
      'windows of two lengths',
      () => position({}, [...windows, new Int32Array(5)]),
      'window 2 has 5 tokens, window 0 64; cut all to one length',
    ],
    ['no windows', () => context({}, []), 'lossByContext: windows is empty'],
    ['no contexts', () => context({ contexts: [] }), 'lossByContext: contexts is empty'],
    ['a context of 0', () => context({ contexts: [8, 0] }), 'a context is 0'],
    ['half a target', () => context({ targetTokens: 0.5 }), 'targetTokens is 0.5'],
    ['a context beyond the window', () => context({ contexts: [8, 57] }), 'window 0 has 64 tokens; context 57 and 8 targets need 65'],
  ])('%s, before it calls the model', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message)
    expect(calls).toEqual([])
  })

  it('losses that are no numbers, or not one per token', async () => {
    const bad = scripted((t) => (t === 5 ? Number.POSITIVE_INFINITY : 1)).model
    await expect(lossByPosition(bad, windows, { binSize: 8 })).rejects.toThrow(
      "lossByPosition: the model's loss of token 5 of 64 is Infinity",
    )
    const short = {
      ...model,
      tokenLosses: async (sequences: readonly Int32Array[]) => sequences.map(({ length }) => new Float32Array(length - 1)),
    }
    await expect(lossByPosition(short, windows, { binSize: 8 })).rejects.toThrow('gave 63 losses for a sequence of 64 tokens')
    const few = { ...model, tokenLosses: async () => [new Float32Array(64)] }
    await expect(lossByContext(few, windows, { contexts: [8], targetTokens: 8 })).rejects.toThrow(
      'lossByContext: model.tokenLosses gave 1 arrays for 16 sequences',
    )
  })
})
