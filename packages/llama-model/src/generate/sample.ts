export interface SampleOptions {
  /** 0: the likeliest token. */
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  /** Uniform numbers in [0, 1). */
  readonly random: () => number
}

/** One token of a distribution given by logits, and its log-probability under `softmax(logits)`, whatever the options are. In float64. */
export function sample(logits: ArrayLike<number>, options: SampleOptions): { token: number; logProbability: number } {
  let likeliest = 0
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[likeliest]!) likeliest = id
  const highest = logits[likeliest]!
  let sum = 0
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - highest)
  const token = options.temperature === 0 ? likeliest : draw(logits, highest, options)
  return { token, logProbability: logits[token]! - highest - Math.log(sum) }
}

/** Temperature, then the `topK` likeliest, then the fewest of these whose share reaches `topP`, as transformers does it. */
function draw(logits: ArrayLike<number>, highest: number, { temperature, topK, topP, random }: SampleOptions): number {
  let ids = Array.from({ length: logits.length }, (_, id) => id)
  if (topK < ids.length || topP < 1) ids = ids.sort((a, b) => logits[b]! - logits[a]!).slice(0, topK)
  const weights = ids.map((id) => Math.exp((logits[id]! - highest) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let kept = 0
  let count = 0
  while (count < ids.length && (count === 0 || kept < topP * total)) kept += weights[count++]!
  let rest = random() * kept
  for (let i = 0; i < count; i++) {
    rest -= weights[i]!
    if (rest < 0) return ids[i]!
  }
  return ids[count - 1]! // rounding
}
