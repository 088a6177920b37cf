import { Problem } from './problem'
import { idsOf } from './segments'
import { log } from './simd'

/** Writes the log-sum-exp of a query row from its largest score and its sum of weights; returns what its output is to be multiplied by. */
export function finishRow(p: Problem, b: i32, h: i32, q: i32, max: f32, sum: f32): f32 {
  const lse = p.logSumExp + p.rowOffset(b, h, q)
  if (sum != 0) {
    store<f32>(lse, sum > 0 ? max + log(sum) : NaN)
    return 1 / sum
  }
  // no key, or only keys with scores of −∞: 0 / 0, as softmax is defined
  const isSeeing = seesKey(p, b, q)
  store<f32>(lse, isSeeing ? -Infinity : Infinity)
  return isSeeing ? NaN : 0
}

/** Whether a query sees any key. */
function seesKey(p: Problem, b: i32, q: i32): bool {
  const position = q + p.S - p.T
  const end = min(p.S, position - p.nearest + 1)
  for (let k = max(0, position - p.farthest); k < end; k++) if (sees(p, b, q, k)) return true
  return false
}

/** Whether a query sees a key. */
export function sees(p: Problem, b: i32, q: i32, k: i32): bool {
  const distance = q + p.S - p.T - k
  if (distance < p.nearest || distance > p.farthest) return false
  if (p.queryIds == 0) return true
  const id = load<i32>(idsOf(p.queryIds, p.T, b, q))
  return id != 0 && id == load<i32>(idsOf(p.keyIds, p.S, b, k))
}
