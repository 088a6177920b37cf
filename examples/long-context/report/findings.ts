// Plain sentences, computed from the numbers: what shows at this size, and what does not.

import { compact } from './plots.ts'
import type { Arm, Results } from './report.ts'
import { armNames } from './report.ts'
import { differs, interval, meanInterval } from './statistics.ts'

const last = <T>(values: readonly T[]): T => values[values.length - 1]!

/** One list item each, as plain text. */
export function findings({ settings, seeds, pairs }: Results): string[] {
  const { shortLength, longLength } = settings
  const longest = last(seeds[0]!.measures.abf.retrieval).length
  const single = seeds.length === 1
  const arms = Object.keys(armNames) as Arm[]
  const of = (arm: Arm | 'short', value: (m: Results['seeds'][number]['measures'][Arm]) => number) =>
    seeds.map(({ measures }) => value(measures[arm]))
  const atFull = (arm: Arm | 'short') => of(arm, ({ byContext }) => last(byContext).loss)
  const gain = (arm: Arm | 'short') =>
    of(arm, ({ byContext }) => (byContext.find(({ context }) => context >= shortLength) ?? last(byContext)).loss - last(byContext).loss)
  const verdict = (a: readonly number[], b: readonly number[]) => {
    const outside = differs(a, b)
    return outside === undefined
      ? 'one seed: no interval, no claim'
      : outside
        ? 'outside the 95 % interval over seeds'
        : 'inside the 95 % interval over seeds: no difference shown'
  }
  const sentences: string[] = []

  sentences.push(
    `Loss of the same last tokens with the full context of ${compact(longLength)} tokens: ${arms.map((arm) => `${armNames[arm]} ${meanInterval(atFull(arm))}`).join(', ')} nats; ` +
      `the short model, which never saw such rows, ${meanInterval(atFull('short'))}. ABF against plain RoPE: ${verdict(atFull('abf'), atFull('rope'))}; ABF against PI: ${verdict(atFull('abf'), atFull('pi'))}.`,
  )
  sentences.push(
    `What the longer context itself brings (loss at ${compact(shortLength)} tokens minus loss at full context, same targets): ${arms.map((arm) => `${armNames[arm]} ${meanInterval(gain(arm))}`).join(', ')} nats. ` +
      (interval(gain('abf')).mean > 0
        ? 'Positive means that the model uses what lies further back than the original context.'
        : 'It is not positive: at this size and budget no use of the longer context shows in plain text.'),
  )
  const retrieval = (arm: Arm | 'short', length: number) =>
    of(arm, ({ retrieval }) => retrieval.find((r) => r.length === length)?.rougeL ?? Number.NaN)
  sentences.push(
    `First-sentence retrieval (ROUGE-L, 100 is a perfect copy) at ${compact(shortLength)} / ${compact(longest)} tokens: ` +
      `${(['short', ...arms] as const).map((arm) => `${arm === 'short' ? 'before extension' : armNames[arm]} ${meanInterval(retrieval(arm, shortLength), 0)} / ${meanInterval(retrieval(arm, longest), 0)}`).join(', ')}.`,
  )
  const keys = (arm: Arm | 'short', length: number) =>
    of(arm, (m) => {
      const own = m.keys.filter((k) => k.length === length)
      return own.reduce((sum, k) => sum + 100 * k.accuracy, 0) / own.length
    })
  sentences.push(
    `Pass keys found at ${compact(longest)} tokens, all depths: ${(['short', ...arms] as const).map((arm) => `${arm === 'short' ? 'before extension' : armNames[arm]} ${meanInterval(keys(arm, longest), 0)} %`).join(', ')}.`,
  )
  const short = (arm: Arm | 'short') => of(arm, ({ shortLoss }) => shortLoss)
  sentences.push(
    `Short context after the extension (rows of ${compact(shortLength)} tokens): ${meanInterval(short('short'))} before; ${arms.map((arm) => `${armNames[arm]} ${meanInterval(short(arm))}`).join(', ')} after. Lower is better; the paper finds that short tasks do not suffer.`,
  )
  const answerLoss = (arm: 'before' | 'answers' | 'whole') => seeds.map(({ answers }) => answers[arm].loss)
  sentences.push(
    `Instruction tuning on pairs by ${pairs.author}: loss of held-out answers ${meanInterval(answerLoss('before'))} before, ${meanInterval(answerLoss('answers'))} with loss on answers only, ${meanInterval(answerLoss('whole'))} with the language-model loss over the whole sequence (Table 9 finds the latter better on a real model): ${verdict(answerLoss('whole'), answerLoss('answers'))}.`,
  )
  if (single) sentences.push('All of this is one seed. Run with --seeds 1,2,3 for intervals.')
  return sentences
}
