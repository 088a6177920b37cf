// NaN, ∞ and −∞ in the inputs do what the formula does with them, in rows that see them and nowhere else.
import { describe, expect, test } from 'vitest'
import { expectAgreement, expectClosePart } from '../../support/agree.ts'
import { allParts, attend } from '../../support/attend.ts'
import { type Inputs, makeInputs, packedIds } from '../../support/cases.ts'
import { type OracleProblem, oracle } from '../../support/oracle.ts'
import { isAwaited } from './awaits.ts'
import { FLOAT32 } from './definition.ts'

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minusInf } = Number
const D = 8
const ids = packedIds(5, 1, 70, 20, 7)
const masks: Record<string, OracleProblem> = {
  causal: { B: 1, T: 70, S: 70, H: 2, K: 1, D, causal: true },
  'window on both sides': { B: 1, T: 70, S: 80, H: 1, K: 1, D, causal: false, window: 12 },
  'segments, softcap': { B: 1, T: 70, S: 70, H: 2, K: 1, D, causal: false, softcap: 4, queryIds: ids, keyIds: ids },
  'few queries, window': { B: 1, T: 3, S: 300, H: 4, K: 1, D, causal: true, window: 40 },
  'few queries of segments, softcap': {
    B: 1,
    T: 4,
    S: 70,
    H: 4,
    K: 1,
    D,
    causal: true,
    softcap: 4,
    queryIds: ids.slice(58, 62),
    keyIds: ids,
  },
}
/** What is written where: the element at `position` of the length, all of its row or one number of it. */
const spoils: Record<string, (p: OracleProblem, inputs: Inputs) => void> = {
  'a key is NaN': ({ S }, { k }) => void k.fill(nan, D * (S - 20), D * (S - 19)),
  'a number of a value is NaN': ({ S }, { v }) => void v.fill(nan, D * (S - 20), D * (S - 20) + 1),
  'numbers of values are ±∞': ({ S }, { v }) => {
    v.fill(inf, D * (S - 30), D * (S - 30) + 1)
    v.fill(minusInf, D * (S - 10), D * (S - 10) + 2)
  },
  'a number of a key is −∞': ({ S }, { k }) => void k.fill(minusInf, D * (S - 15) + 2, D * (S - 15) + 3),
  'a query is NaN': ({ T, H }, { q }) => void q.fill(nan, D * H * (T >> 1), D * H * (T >> 1) + D),
  'a number of a query is ∞': ({ T, H }, { q }) => void q.fill(inf, D * H * (T >> 1), D * H * (T >> 1) + 1),
  'a number of dOut is NaN': ({ T, H }, { dOut }) => void dOut.fill(nan, D * H * (T >> 1), D * H * (T >> 1) + 1),
  'a number of dOut is ∞': ({ T, H }, { dOut }) => void dOut.fill(inf, D * H * (T >> 1), D * H * (T >> 1) + 1),
}

describe.skipIf(isAwaited('a key is NaN') && isAwaited('numbers of')).each(Object.entries(masks))('%s', (_, p) => {
  test.each(Object.entries(spoils).filter(([name]) => !isAwaited(name)))('%s', async (_, spoil) => {
    const inputs = makeInputs(p, 5)
    spoil(p, inputs)
    const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut)
    expectAgreement(await attend(p, inputs), expected, FLOAT32)
  })
})

test.skipIf(isAwaited('nobody sees')).each([nan, inf, minusInf])(
  'keys and values that nobody sees may be %s: nothing changes, and they get gradients of 0',
  async (x) => {
    for (const p of [masks['segments, softcap']!, masks['few queries of segments, softcap']!, masks['few queries, window']!]) {
      const inputs = makeInputs(p, 5)
      const clean = await attend(p, inputs)
      const [k, v] = [inputs.k.slice(), inputs.v.slice()]
      const hidden = p.window === undefined ? [p.S - 7, p.S] : [0, p.S - p.T - p.window] // padding; before all windows
      for (const rows of [k, v]) rows.fill(x, D * hidden[0]!, D * hidden[1]!)
      const actual = await attend(p, { ...inputs, k, v })
      for (const part of allParts) expectClosePart(part, actual[part], clean[part], 1e-6) // the same sums, maybe in another order
      expect(actual.dKey.slice(D * hidden[0]!, D * hidden[1]!).every((x) => x === 0)).toBe(true)
    }
  },
)

test.skipIf(isAwaited('−∞ only'))(
  'a row that sees scores of −∞ only is NaN, its log-sum-exp −∞, as softmax and logsumexp of PyTorch; one that sees no key is 0',
  async () => {
    for (const p of [
      { B: 1, T: 40, S: 38, H: 1, K: 1, D, causal: true }, // rows 0 and 1 see nothing
      { B: 1, T: 4, S: 3, H: 4, K: 1, D, causal: true },
    ] satisfies OracleProblem[]) {
      const inputs = makeInputs(p, 5)
      inputs.q.fill(1, 0, D * p.T * p.H)
      inputs.k.fill(minusInf, 0, D * 2) // keys 0 and 1
      const expected = oracle(p, inputs.q, inputs.k, inputs.v, inputs.dOut)
      expect(expected.out.some(Number.isNaN) && expected.out.some(Number.isFinite)).toBe(true)
      expectAgreement(await attend(p, inputs), expected, FLOAT32)
    }
  },
)
