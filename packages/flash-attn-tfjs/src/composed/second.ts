import * as tf from '@tensorflow/tfjs-core'
import type { Problem } from '../options.ts'
import type { Saved } from './backward.ts'
import { type Block, joinRowNumbers, joinRows, takeQueryRows, takeRowNumbers, takeRows, tileOf } from './layout.ts'
import { capOf, tileScores, tileVisible, whereVisible } from './scores.ts'
import { type VisibleProduct, visibleProduct } from './visible-product.ts'
import { visibleTiles } from './visible-tiles.ts'

/** And the gradients of dQuery, dKey and dValue. */
export interface SavedTwice extends Saved {
  readonly ddQuery: tf.Tensor
  readonly ddKey: tf.Tensor
  readonly ddValue: tf.Tensor
}

/**
 * Gradient of the gradient: of `φ = ⟨a, dQ⟩ + ⟨b, dK⟩ + ⟨c, dV⟩` in query, key, value, dOut and dLogSumExp, out and logSumExp being
 * functions of the first three. With `Ṡ` the change of the scores S along `(a, b)`, `Ṡ = scale · (a kᵀ + q bᵀ)`, and weights P,
 * `G = dO vᵀ`, `γ = G − δ`, `E = dO cᵀ`: `φ = Σ P∘(γ∘Ṡ + E)`, so with `l̇ = Σ_j P∘Ṡ` and `X = γ∘Ṡ − G l̇ + E` the scores get
 * `P∘(X − Σ_j P∘X)`, dO gets `(P∘(Ṡ − l̇)) v + P c`, and dLogSumExp gets `l̇`. Each tile is computed twice, for the sums of its rows
 * and then for the gradients; memory stays linear in length.
 */
export function composedSecond(problem: Problem, saved: SavedTwice): tf.Tensor[] {
  const { B, H, K, D } = problem
  return tf.tidy(() => {
    const { queries, keys, visible } = visibleTiles(problem)
    const product = visibleProduct([saved.query, saved.key, saved.value, saved.dOut, saved.ddQuery, saved.ddKey, saved.ddValue])
    const ofKeys = keys.map((block) => ({ block, grads: [zeroRows(problem, block), zeroRows(problem, block)] }))
    const ofQueries = queries.map((block) =>
      tf.tidy(() => {
        const rows = queryRows(problem, saved, block)
        const seen = ofKeys.filter((key) => visible(block, key.block))
        let sums: tf.Tensor[] = [1, 2, 3].map(() => tf.zerosLike(rows.lse))
        for (const key of seen) sums = replaced(sums, () => rowSums(tileTerms(problem, saved, rows, key.block)))
        let grads: tf.Tensor[] = [tf.zerosLike(rows.q), tf.zerosLike(rows.q)]
        for (const key of seen) {
          const old = [...grads, ...key.grads]
          const [query, dOut, ...own] = replaced(old, () =>
            tileSeconds(problem, product, rows, sums, tileTerms(problem, saved, rows, key.block)),
          )
          grads = [query!, dOut!]
          key.grads = own.map((x) => tf.keep(x))
        }
        return [...grads, sums[0]!]
      }),
    )
    const column = (i: number) => ofQueries.map((grads) => grads[i]!)
    const keyColumn = (i: number) => ofKeys.map(({ grads }) => grads[i]!)
    const joined = [column(0), keyColumn(0), keyColumn(1), column(1)].map((parts, i) => joinRows(B, i === 0 || i === 3 ? H : K, D, parts))
    return [...joined, joinRowNumbers(problem, column(2))]
  })
}

const zeroRows = ({ B, K, D }: Problem, { size }: Block) => tf.keep(tf.zeros([B, K, size, D]))

/** `old[i] + more[i]`; disposes the old. */
function replaced(old: tf.Tensor[], more: () => tf.Tensor[]): tf.Tensor[] {
  const sums = tf.tidy(() => more().map((x, i) => tf.add(old[i]!, x)))
  tf.dispose(old)
  return sums
}

/** A block of queries, heads of a group stacked: `[B, K, G·size, D]`, and one number for each row. */
function queryRows(problem: Problem, { query, out, logSumExp, dOut, dLogSumExp, ddQuery }: SavedTwice, block: Block) {
  const dO = takeQueryRows(problem, dOut, block)
  return {
    block,
    q: takeQueryRows(problem, query, block),
    a: takeQueryRows(problem, ddQuery, block),
    dO,
    lse: takeRowNumbers(problem, logSumExp, block),
    dOutOut: tf.sum(tf.mul(dO, takeQueryRows(problem, out, block)), -1, true),
    dLse: takeRowNumbers(problem, dLogSumExp, block),
  }
}

/** What both passes need of a tile. */
function tileTerms(problem: Problem, { key, value, ddKey, ddValue }: SavedTwice, rows: ReturnType<typeof queryRows>, block: Block) {
  const { scale, softcap } = problem
  const [k, v, b, c] = [key, value, ddKey, ddValue].map((x) => takeRows(x, block)) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
  const visible = tileVisible(problem, tileOf(rows.block, block))
  const seen = (x: tf.Tensor) => whereVisible(visible, x)
  const scores = tileScores(problem, visible, rows.q, k)
  const P = seen(tf.exp(tf.sub(scores, rows.lse)))
  const change = tf.mul(tf.add(tf.matMul(rows.a, k, false, true), tf.matMul(rows.q, b, false, true)), scale)
  const cap = softcap > 0 ? capOf(scores, softcap) : null
  const dS = seen(cap === null ? change : tf.mul(change, cap.slope))
  const G = tf.matMul(rows.dO, v, false, true)
  const gamma = seen(tf.add(tf.sub(G, rows.dOutOut), rows.dLse))
  return { k, v, b, c, visible, P, change, cap, dS, G, gamma, E: seen(tf.matMul(rows.dO, c, false, true)) }
}

type Terms = ReturnType<typeof tileTerms>

/** Sums along the keys: `P∘Ṡ`, `P∘γ∘Ṡ`, `P∘E`. */
function rowSums({ P, dS, gamma, E }: Terms): tf.Tensor[] {
  return [dS, tf.mul(gamma, dS), E].map((x) => tf.sum(tf.mul(P, x), -1, true))
}

/** A tile's share of the gradients of query, dOut, key and value. */
function tileSeconds(
  { scale, softcap }: Problem,
  product: VisibleProduct,
  { q, a, dO, dOutOut }: ReturnType<typeof queryRows>,
  [lDot, gammaDot, eDot]: tf.Tensor[],
  { k, v, b, c, visible, P, change, cap, dS, G, gamma, E }: Terms,
): tf.Tensor[] {
  const X = tf.add(tf.sub(tf.mul(gamma, dS), tf.mul(G, lDot!)), E)
  const meanX = tf.add(tf.sub(gammaDot!, tf.mul(dOutOut, lDot!)), eDot!)
  const first = tf.mul(P, gamma) // gradient of the scores in the first backward pass
  let ofScores = tf.mul(P, tf.sub(X, meanX))
  if (cap !== null) ofScores = tf.sub(ofScores, tf.mul(tf.mul(first, change), tf.mul(cap.ratio, 2 / softcap)))
  const inner = (x: tf.Tensor) => whereVisible(visible, tf.mul(cap === null ? x : tf.mul(x, cap.slope), scale))
  const [Z, F, PDot] = [inner(ofScores), inner(first), whereVisible(visible, tf.mul(P, tf.sub(dS, lDot!)))]
  const times = (weights: tf.Tensor, x: tf.Tensor) => product(visible, weights, x)
  const transposed = (weights: tf.Tensor, x: tf.Tensor) => product(visible, weights, x, true)
  return [
    tf.add(times(Z, k), times(F, b)),
    tf.add(times(PDot, v), times(P, c)),
    tf.add(transposed(Z, q), transposed(F, a)),
    transposed(PDot, dO),
  ]
}
