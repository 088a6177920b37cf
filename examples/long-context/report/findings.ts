// Plain sentences, computed from the numbers: what shows at this size, and what does not.
import type { Measures } from '../measure.ts'
import { compact } from './plots.ts'
import { type Arm, armNames, arms, type Results, type Tuning } from './results.ts'
import { differs, interval, mean, meanInterval } from './statistics.ts'

export interface Finding {
  readonly headline: string
  readonly text: string
}

export function findings(results: Results): Finding[] {
  const { seeds, settings } = results
  const found = [longLoss(results), contextUsed(results), retrieval(results), passKeys(results), shortLoss(results), instruction(results)]
  const seedsUsed = {
    headline: seeds.length === 1 ? 'One seed: no intervals' : `${seeds.length} seeds`,
    text:
      seeds.length === 1
        ? 'Differences of a few hundredths of a nat may be chance. Run with --seeds 1,2,3 for intervals.'
        : `± is the half width of the 95 % interval over seeds ${settings.seeds.join(', ')} (Student's t); arms are compared seed by seed.`,
  }
  return [...found, seedsUsed]
}

const of = ({ seeds }: Results, model: Arm | 'short', value: (measures: Measures) => number) =>
  seeds.map(({ measures }) => value(measures[model]))

/** `ABF 1.23, plain RoPE 2.34, PI 3.45`. */
const each = (results: Results, value: (measures: Measures) => number, digits: number) =>
  arms.map((arm) => `${armNames[arm]} ${meanInterval(of(results, arm, value), digits)}`).join(', ')

/** The arm with the smallest mean (times `sign`), and whether every other one differs from it by more than the interval over seeds. */
function best(results: Results, value: (measures: Measures) => number, sign: 1 | -1): { arm: Arm; clear: boolean | undefined } {
  const ranked = arms.toSorted((a, b) => sign * (mean(of(results, a, value)) - mean(of(results, b, value))))
  const [first, ...others] = ranked as [Arm, ...Arm[]]
  const verdicts = others.map((arm) => differs(of(results, first, value), of(results, arm, value)))
  return { arm: first, clear: verdicts.includes(undefined) ? undefined : verdicts.every(Boolean) }
}

const certainty = (clear: boolean | undefined) =>
  clear === undefined
    ? ''
    : clear
      ? ' The difference to both others is outside the interval over seeds.'
      : ' Inside the interval over seeds: no clear winner.'

const atFull = ({ byContext }: Measures) => byContext.at(-1)!.loss

function longLoss(results: Results): Finding {
  const { arm, clear } = best(results, atFull, 1)
  const means = arms.map((own) => mean(of(results, own, atFull))).toSorted((a, b) => a - b)
  return {
    headline: `Loss at the full ${compact(results.settings.longLength)} tokens: ${armNames[arm]} is lowest, by ${(means[1]! - means[0]!).toFixed(3)}`,
    text: `${each(results, atFull, 3)} nats per token; ${meanInterval(of(results, 'short', atFull), 3)} before the extension, on the same tokens.${certainty(clear)}`,
  }
}

function contextUsed(results: Results): Finding {
  const { shortLength } = results.settings
  const gain = (measures: Measures) => measures.byContext.find(({ context }) => context >= shortLength)!.loss - atFull(measures)
  const { mean: abf, half } = interval(of(results, 'abf', gain))
  const uses = abf > (half ?? 0)
  const before = of(results, 'short', gain)
  const rises = mean(before) < 0
  return {
    headline: uses
      ? 'Plain text: what lies further back than the original context helps'
      : 'Plain text: no use of the longer context shows at this size',
    text: `From ${compact(shortLength)} tokens of context to all, the loss of the same tokens falls by ${each(results, gain, 3)}; before the extension it ${rises ? 'rises' : 'falls'} by ${meanInterval(rises ? before.map((x) => -x) : before, 3)}.`,
  }
}

function retrieval(results: Results): Finding {
  const all = results.seeds[0]!.measures.abf.retrieval
  const [first, last] = [all[0]!.length, all.at(-1)!.length]
  const at = (length: number) => (measures: Measures) => measures.retrieval.find((own) => own.length === length)!.rougeL
  const { arm, clear } = best(results, at(last), -1)
  // two unrelated English sentences share about a quarter of their words in order
  const returned = mean(of(results, arm, at(last))) > 30
  return {
    headline: `First sentence asked for after ${compact(last)} tokens: ${returned ? `${armNames[arm]} returns most of it` : 'no arm returns it at this size'}`,
    text: `ROUGE-L (100 is a perfect copy) ${each(results, at(last), 0)}; ${meanInterval(of(results, 'short', at(last)), 0)} before the extension, which had ${meanInterval(of(results, 'short', at(first)), 0)} at ${compact(first)} tokens.${certainty(clear)} In the paper ABF alone holds to the end, plain RoPE breaks first (Fig. 5b).`,
  }
}

function passKeys(results: Results): Finding {
  const longest = results.seeds[0]!.measures.abf.retrieval.at(-1)!.length
  const found = (measures: Measures) => 100 * mean(measures.keys.filter(({ length }) => length === longest).map(({ accuracy }) => accuracy))
  const { arm, clear } = best(results, found, -1)
  const any = mean(of(results, arm, found)) > 0
  return {
    headline: `Pass keys in ${compact(longest)} tokens: ${any ? `${armNames[arm]} finds most` : 'no arm finds one at this size'}`,
    text: `${each(results, found, 0)} % over all depths; ${meanInterval(of(results, 'short', found), 0)} % before the extension.${certainty(clear)}`,
  }
}

function shortLoss(results: Results): Finding {
  const value = (measures: Measures) => measures.shortLoss
  const before = of(results, 'short', value)
  const change = mean(of(results, 'abf', value)) - mean(before)
  return {
    headline: `Short context: ABF ends ${Math.abs(change).toFixed(3)} nats ${change > 0 ? 'above' : 'below'} where it began`,
    text: `Loss in rows of ${compact(results.settings.shortLength)} tokens: ${meanInterval(before, 3)} before; after: ${each(results, value, 3)}. The paper finds that short tasks do not suffer (Table 1).`,
  }
}

function instruction({ seeds, pairs }: Results): Finding {
  const lossOf = (tuning: Tuning) => seeds.map(({ answers }) => answers[tuning].loss)
  const textOf = (tuning: Tuning) => seeds.map(({ answers }) => answers[tuning].textLoss)
  const [whole, answers] = [lossOf('whole'), lossOf('answers')]
  const outside = differs(whole, answers)
  const winner = mean(whole) < mean(answers) ? 'loss over the whole sequence' : 'loss on answers only'
  return {
    headline: `Instruction tuning: ${winner} answers better here`,
    text:
      `Loss of held-out answers ${meanInterval(lossOf('before'))} before, ${meanInterval(answers)} with loss on answers only, ${meanInterval(whole)} over the whole sequence` +
      `${outside === undefined ? '' : outside ? ', outside the interval over seeds' : ', inside the interval over seeds'}; loss of plain long text ${meanInterval(textOf('before'))}, ${meanInterval(textOf('answers'))}, ${meanInterval(textOf('whole'))}. ` +
      `Table 9 finds the whole sequence better, on a real model. The pairs are by ${pairs.author}.`,
  }
}
