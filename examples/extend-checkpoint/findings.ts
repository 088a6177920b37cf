// Plain sentences, computed from the numbers: where the checkpoint broke, and what the extension did.
import { differs, interval, mean, meanInterval } from '../long-context/report/statistics.ts'
import { keysFound, type Losses, type Positions } from './measure.ts'
import type { Results } from './results.ts'

export interface Finding {
  readonly headline: string
  readonly text: string
}

const breaks = 0.5 // nats above what it has within its context: far more than one part of a text differs from another

export function findings(results: Results): Finding[] {
  const { settings, pairs } = results
  const texts = results.before.losses.byContext[0]!.perDocument.length
  return [
    whereItBreaks(results),
    base(results),
    contextUsed(results),
    beyond(results),
    withinContext(results),
    ...(settings.evalTrials > 0 ? [recall(results)] : []),
    ...compared(results),
    {
      headline: pairs.pairs.length === 0 ? 'No instruction tuning' : `Instruction tuning on ${pairs.pairs.length} pairs`,
      text:
        pairs.pairs.length === 0
          ? `There are no pairs (author: ${pairs.author}).`
          : `Written and checked by ${pairs.author}; loss over whole sequences (paper §4.3). Answers about a book stand below.`,
    },
    {
      headline: `${texts} held-out ${texts === 1 ? 'text' : 'texts'}, seed ${settings.seed}`,
      text:
        texts < 2
          ? 'One text gives no interval; differences of a few hundredths of a nat may be its own. Run with --eval-texts 4 or more.'
          : 'Bands are one standard error over texts; ± the half width of the 95 % interval (Student’s t). Differences are taken text by text.',
    },
  ]
}

const meanOf = (bins: Positions) => mean(bins.map(({ loss }) => loss))
const upTo = (bins: Positions, end: number) => bins.filter(({ position }) => position < end)
const from = (bins: Positions, start: number) => bins.filter(({ position }) => position >= start)
const signed = (value: number, digits = 3) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`

/** What `a` loses more than `b` on the same texts and positions, with the interval over texts. */
function more(a: Positions, b: Positions): { value: number; text: string } {
  const perText = a[0]!.perDocument.map((_, text) => mean(a.map((bin, i) => bin.perDocument[text]! - b[i]!.perDocument[text]!)))
  const { mean: value, half } = interval(perText)
  return { value, text: `${signed(value)}${half === undefined ? '' : ` ± ${half.toFixed(3)}`}` }
}

function whereItBreaks({ before, trained, settings: { length } }: Results): Finding {
  const bins = before.losses.byPosition
  const within = meanOf(upTo(bins, trained))
  const broken = from(bins, trained).find(({ loss }) => loss > within + breaks)
  return {
    headline: broken
      ? `Unmodified, it breaks around token ${Math.round(broken.position).toLocaleString('en-US')}`
      : `Unmodified, it does not break before token ${length.toLocaleString('en-US')}`,
    text: `Loss ${within.toFixed(3)} up to its trained ${trained.toLocaleString('en-US')} tokens, ${meanOf(from(bins, trained)).toFixed(3)} beyond, ${bins.at(-1)!.loss.toFixed(3)} at the end.`,
  }
}

function base({ tried, chosen, best }: Results): Finding {
  const of = (label: string) => tried.find((own) => own.label === label)!
  const [own, unmodified] = [of(chosen), of('unmodified')]
  const others =
    best === chosen ? 'No other method does better.' : `Best of all methods is ${best} (${of(best).whole.toFixed(3)} over the row).`
  return {
    headline: `Before any training ${chosen} does best among the bases`,
    text: `On validation texts its loss is ${own.beyond.toFixed(3)} beyond the trained context (unmodified ${unmodified.beyond.toFixed(3)}), at a cost of ${signed(own.within - unmodified.within)} within. ${others}`,
  }
}

/** Loss of the last tokens with `context` tokens before them, text by text. */
const atContext = ({ byContext }: Losses, context: number) =>
  byContext.reduce((near, own) => (Math.abs(own.context - context) < Math.abs(near.context - context) ? own : near))

function contextUsed({ after, trained, settings: { length } }: Results): Finding {
  const [half, whole, full] = [trained / 2, trained, length].map((context) => atContext(after.losses, context))
  const falls = full!.loss < whole!.loss && whole!.loss < half!.loss
  const { beta, intervals } = after.losses.powerLaw
  const range = intervals ? ` (${intervals.beta.map((bound) => bound.toFixed(2)).join(' to ')})` : ''
  return {
    headline: falls ? 'More context helps, all the way to the new length' : 'The loss does not fall all the way to the new length',
    text: `The same last tokens: ${[half!, whole!, full!].map(({ context, loss }) => `${loss.toFixed(3)} with ${context.toLocaleString('en-US')}`).join(', ')} tokens before them. Power law: β = ${beta.toFixed(2)}${range}.`,
  }
}

function beyond({ after, zeroShot, best, chosen, trained }: Results): Finding {
  const own = from(after.losses.byPosition, trained)
  return {
    headline: `Beyond the old context: ${more(own, from(zeroShot[best]!, trained)).text} nats against the best method without training`,
    text: `Held-out texts: ${meanOf(own).toFixed(3)} after training with ${chosen}; before, ${Object.entries(zeroShot)
      .map(([label, bins]) => `${meanOf(from(bins, trained)).toFixed(3)} with ${label}`)
      .join(', ')}.`,
  }
}

function withinContext({ before, after, trained }: Results): Finding {
  const changes = upTo(after.losses.byPosition, trained)
    .map((bin, i) => more([bin], [before.losses.byPosition[i]!]))
    .sort((a, b) => a.value - b.value)
  const [was, is] = [before.losses.shortLosses, after.losses.shortLosses]
  const clear = differs(is, was)
  return {
    headline: `Within the old context: at worst ${changes.at(-1)!.text} nats`,
    text:
      `By position up to ${trained.toLocaleString('en-US')} it changed by ${changes[0]!.text} to ${changes.at(-1)!.text}. In rows of ${before.losses.shortLength}: ${meanInterval(was)} before, ${meanInterval(is)} after, ` +
      `${signed(interval(is.map((loss, i) => loss - was[i]!)).mean)}${clear === undefined ? '' : clear ? ', outside the interval' : ', inside the interval'}.`,
  }
}

function recall({ before, after, trained }: Results): Finding {
  const longest = Math.max(...after.recall.keys.map(({ length }) => length))
  const half = Math.floor(trained / 2)
  const at = keysFound(after.recall, longest)
  const reference = before.recall.keys.some(({ length }) => length === half)
    ? `, which finds ${keysFound(before.recall, half).toFixed(0)} % in ${half.toLocaleString('en-US')}`
    : ''
  const sentence = (measures: typeof before) => measures.recall.retrieval.at(-1)!.rougeL.toFixed(0)
  return {
    headline: `Pass keys in ${longest.toLocaleString('en-US')} tokens: ${at.toFixed(0)} % found`,
    text: `${keysFound(before.recall, longest).toFixed(0)} % by the unmodified model${reference}. First sentence (ROUGE-L, 100 is a perfect copy): ${sentence(before)} before, ${sentence(after)} after.`,
  }
}

function compared({ compared, after, chosen, trained }: Results): Finding[] {
  const own = from(after.losses.byPosition, trained)
  return Object.entries(compared).map(([label, losses]) => {
    const other = from(losses.byPosition, trained)
    return {
      headline: `${label}: ${more(other, own).text} nats against ${chosen} beyond the old context`,
      text: `${meanOf(other).toFixed(3)} against ${meanOf(own).toFixed(3)}; within it ${meanOf(upTo(losses.byPosition, trained)).toFixed(3)} against ${meanOf(upTo(after.losses.byPosition, trained)).toFixed(3)}. Same rows, same steps.`,
    }
  })
}
