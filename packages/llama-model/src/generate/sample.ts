import type { GeneratedToken, SamplingOptions } from './options.ts'

type Settings = Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'logitBias' | 'topLogProbabilities'>

/**
 * One token of the distribution given by logits, after the tokens `seen`, with log-probabilities under `softmax(logits)`, whatever the
 * settings are. In float64, in the order of transformers: penalty, bias, temperature, topK, topP, minP. Ties go to the lowest id.
 */
export function sample(logits: ArrayLike<number>, seen: ReadonlySet<number>, settings: Settings, random: () => number): GeneratedToken {
  const { temperature = 0, topLogProbabilities = 0 } = settings
  const highest = logits[likeliest(logits)]!
  let sum = 0
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - highest)
  const logProbability = (id: number) => logits[id]! - highest - Math.log(sum)
  const scores = adjusted(logits, seen, settings)
  const token = temperature === 0 ? likeliest(scores) : draw(scores, temperature, settings, random)
  const top = topLogProbabilities > 0 ? inFallingOrder(logits, atLeast(logits, topLogProbabilities, 1)).slice(0, topLogProbabilities) : []
  return { token, logProbability: logProbability(token), top: top.map((id) => ({ token: id, logProbability: logProbability(id) })) }
}

function likeliest(logits: ArrayLike<number>): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id
  return best
}

function adjusted(logits: ArrayLike<number>, seen: ReadonlySet<number>, { repetitionPenalty = 1, logitBias }: Settings): ArrayLike<number> {
  if (repetitionPenalty === 1 && !logitBias) return logits
  const scores = Float64Array.from(logits)
  if (repetitionPenalty !== 1)
    for (const id of seen) scores[id] = scores[id]! > 0 ? scores[id]! / repetitionPenalty : scores[id]! * repetitionPenalty
  for (const [id, bias] of Object.entries(logitBias ?? {})) scores[Number(id)] = scores[Number(id)]! + bias
  return scores
}

function draw(
  scores: ArrayLike<number>,
  temperature: number,
  { topK = scores.length, topP = 1, minP = 0 }: Settings,
  random: () => number,
): number {
  const highest = scores[likeliest(scores)]!
  const weight = (id: number) => Math.exp((scores[id]! - highest) / temperature)
  let ids: readonly number[]
  if (topK < scores.length) ids = inFallingOrder(scores, atLeast(scores, topK, temperature)).slice(0, topK)
  else if (topP < 1) ids = candidates(scores, weight, topP)
  else ids = Array.from({ length: scores.length }, (_, id) => id)
  const weights = ids.map(weight)
  const total = topK < scores.length ? weights.reduce((sum, own) => sum + own, 0) : totalOf(scores, weight)
  let kept = 0
  let count = 0
  while (count < ids.length && (count === 0 || kept < topP * total)) kept += weights[count++]!
  if (minP > 0) {
    const own = weights.slice(0, count).map((w) => (w >= minP ? w : 0)) // the likeliest token's weight is 1
    return pick(ids, own, random)
  }
  return pick(ids, weights.slice(0, count), random)
}

function pick(ids: readonly number[], weights: readonly number[], random: () => number): number {
  let rest = random() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [i, weight] of weights.entries()) {
    rest -= weight
    if (rest < 0) return ids[i]!
  }
  return ids[weights.findLastIndex((weight) => weight > 0)]! // rounding
}

function totalOf(scores: ArrayLike<number>, weight: (id: number) => number): number {
  let total = 0
  for (let id = 0; id < scores.length; id++) total += weight(id)
  return total
}

const inFallingOrder = (scores: ArrayLike<number>, ids: readonly number[]): number[] =>
  ids.toSorted((a, b) => scores[b]! - scores[a]! || a - b)

/** At least `count` of the likeliest ids, unsorted: sorting a whole vocabulary for each token would take longer than a small model. */
function atLeast(scores: ArrayLike<number>, count: number, temperature: number): number[] {
  return idsAbove(scores, temperature, (ids) => ids.length >= count)
}

/** The likeliest ids in falling order, so many that their weights reach `topP` of all. */
function candidates(scores: ArrayLike<number>, weight: (id: number) => number, topP: number): number[] {
  const total = totalOf(scores, weight)
  return inFallingOrder(
    scores,
    idsAbove(scores, 1, (ids) => ids.reduce((sum, id) => sum + weight(id), 0) >= topP * total),
  )
}

/** All ids whose score is at least some threshold, lowered until `enough`. */
function idsAbove(scores: ArrayLike<number>, scale: number, enough: (ids: readonly number[]) => boolean): number[] {
  const highest = scores[likeliest(scores)]!
  for (let depth = 4; depth < 1e6; depth *= 2) {
    const ids: number[] = []
    for (let id = 0; id < scores.length; id++) if (scores[id]! >= highest - depth * scale) ids.push(id)
    if (ids.length === scores.length || enough(ids)) return ids
  }
  return Array.from({ length: scores.length }, (_, id) => id)
}
