// Plain sentences, computed from the numbers: where the checkpoint broke, and what the extension did.
import { differs, type Interval, interval, mean, meanInterval } from '../long-context/report/statistics.ts'
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
    ...repeated(results),
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

const withHalf = ({ mean, half }: Interval, digits = 3) =>
  `${signed(mean, digits)}${half === undefined ? '' : ` ± ${half.toFixed(digits)}`}`

/** What `a` loses more than `b` on the same texts and positions, with the interval over texts. */
const more = (a: Positions, b: Positions): string =>
  withHalf(interval(a[0]!.perDocument.map((_, text) => mean(a.map((bin, i) => bin.perDocument[text]! - b[i]!.perDocument[text]!)))))

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

function base({ tried, chosen, best, least }: Results): Finding {
  const of = (label: string) => tried.find((own) => own.label === label)!
  const [own, unmodified] = [of(chosen), of('unmodified')]
  const others =
    best === chosen ? 'No other method does better.' : `Best of all methods is ${best} (${of(best).whole.toFixed(3)} over the row).`
  return {
    headline: `Before any training ${chosen} does best among the bases raised ${least} times or more`,
    text: `On validation texts its loss is ${own.beyond.toFixed(3)} beyond the trained context (unmodified ${unmodified.beyond.toFixed(3)}), at a cost of ${signed(own.within - unmodified.within)} within. ${others}`,
  }
}

/** Losses of the last tokens with half the old context, all of it and the new length before them, and whether they fall. */
function nested({ byContext }: Losses, { trained, settings: { length } }: Results) {
  const points = [trained / 2, trained, length].map((context) =>
    byContext.reduce((near, own) => (Math.abs(own.context - context) < Math.abs(near.context - context) ? own : near)),
  )
  const [half, whole, full] = points
  return { points, falls: full!.loss < whole!.loss && whole!.loss < half!.loss }
}

function contextUsed(results: Results): Finding {
  const { losses } = results.after
  const { points, falls } = nested(losses, results)
  const [, whole, full] = points
  const last = interval(full!.perDocument.map((loss, text) => loss - whole!.perDocument[text]!))
  const { beta, intervals } = losses.powerLaw
  const range = intervals ? ` (${intervals.beta.map((bound) => bound.toFixed(2)).join(' to ')})` : ''
  return {
    headline: falls ? 'More context helps, all the way to the new length' : 'The loss does not fall all the way to the new length',
    text: `The same last tokens: ${points.map(({ context, loss }) => `${loss.toFixed(4)} with ${context.toLocaleString('en-US')}`).join(', ')} tokens before them, the last difference being ${withHalf(last, 4)}. Power law: β = ${beta.toFixed(2)}${range}.`,
  }
}

/** Against the best method without training. */
const beyondBest = ({ byPosition }: Losses, { zeroShot, best, trained }: Results) =>
  more(from(byPosition, trained), from(zeroShot[best]!, trained))

function beyond(results: Results): Finding {
  const { after, zeroShot, chosen, trained } = results
  return {
    headline: `Beyond the old context: ${beyondBest(after.losses, results)} nats against the best method without training`,
    text: `Held-out texts: ${meanOf(from(after.losses.byPosition, trained)).toFixed(3)} after training with ${chosen}; before, ${Object.entries(
      zeroShot,
    )
      .map(([label, bins]) => `${meanOf(from(bins, trained)).toFixed(3)} with ${label}`)
      .join(', ')}.`,
  }
}

/** Smallest and largest change of a bin within the old context. */
function changesWithin({ byPosition }: Losses, { before, trained }: Results): { least: string; worst: string } {
  const was = before.losses.byPosition
  const sorted = upTo(byPosition, trained)
    .map((bin, i) => ({ change: bin.loss - was[i]!.loss, text: more([bin], [was[i]!]) }))
    .sort((a, b) => a.change - b.change)
  return { least: sorted[0]!.text, worst: sorted.at(-1)!.text }
}

function withinContext(results: Results): Finding {
  const { before, after, trained } = results
  const { least, worst } = changesWithin(after.losses, results)
  const [was, is] = [before.losses.shortLosses, after.losses.shortLosses]
  const clear = differs(is, was)
  return {
    headline: `Within the old context: at worst ${worst} nats`,
    text:
      `By position up to ${trained.toLocaleString('en-US')} it changed by ${least} to ${worst}. In rows of ${before.losses.shortLength}: ${meanInterval(was)} before, ${meanInterval(is)} after, ` +
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
      headline: `${label} after equal training: ${more(other, own)} nats against ${chosen} beyond the old context`,
      text: `${meanOf(other).toFixed(3)} against ${meanOf(own).toFixed(3)}; within it ${meanOf(upTo(losses.byPosition, trained)).toFixed(3)} against ${meanOf(upTo(after.losses.byPosition, trained)).toFixed(3)}. Same rows, same steps.`,
    }
  })
}

/** The same training with other seeds. */
function repeated(results: Results): Finding[] {
  const { repeated, after, chosen } = results
  const all = [after.losses, ...Object.values(repeated)]
  if (all.length === 1) return []
  const list = (of: (losses: Losses) => string) => all.map(of).join('; ')
  return [
    {
      headline: `${chosen} with ${all.length} seeds: ${list((losses) => beyondBest(losses, results))} nats beyond the old context`,
      text:
        `Against the best method without training. Within the old context at worst ${list((losses) => changesWithin(losses, results).worst)}. ` +
        `With half the old context, all of it and the new length: ${list((losses) =>
          nested(losses, results)
            .points.map(({ loss }) => loss.toFixed(4))
            .join(', '),
        )}. β = ${list(({ powerLaw }) => powerLaw.beta.toFixed(2))}.`,
    },
  ]
}
