// Gathers what the stages found over all seeds and writes report.html.
import { attentionDecay } from 'rope-abf'
import { lengthReport } from 'seq-packer'
import type { Answers } from '../instruct.ts'
import type { Measures } from '../measure.ts'
import { writeWhole } from '../run.ts'
import { describeCounts } from '../texts.ts'
import { type Finding, findings } from './findings.ts'
import { page, type Section, table } from './page.ts'
import { figure1, figure5b, table5Books, table9 } from './paper.ts'
import { cells, compact, escapeHtml, lines, type Point } from './plots.ts'
import { type Arm, armNames, arms, type Results, type Tuning, tuningNames } from './results.ts'
import { interval, mean, meanInterval } from './statistics.ts'

const measured = [...arms, 'short'] as const
const label = (arm: Arm | 'short') => (arm === 'short' ? 'before extension' : armNames[arm])

/** Writes `file`: one self-contained page. */
export function writeReport(file: string, results: Results): void {
  const { settings } = results
  const title = `From ${compact(settings.shortLength)} to ${compact(settings.longLength)} tokens`
  const lead = `<p class="soft">A Llama of ${compact(results.parameters)} parameters, pretrained on ${compact(settings.shortLength)}-token rows, taken to ${compact(settings.longLength)} tokens three ways with the same data, steps and tokens per batch; the method of <em>Effective Long-Context Scaling of Foundation Models</em> (Xiong et al. 2023, arXiv 2309.16039) on a small scale. Seeds ${settings.seeds.join(', ')}; ${escapeHtml(results.engine)}.</p>`
  writeWhole(
    file,
    page(title, lead, [
      found(results),
      context(results),
      retrieval(results),
      method(results),
      instruct(results),
      samples(results),
      setup(results),
    ]),
  )
}

function found(results: Results): Section {
  const item = ({ headline, text }: Finding) => `<div class="finding"><h3>${escapeHtml(headline)}</h3><p>${escapeHtml(text)}</p></div>`
  return { title: 'What shows, and what does not', body: `<div class="grid">${findings(results).map(item).join('')}</div>` }
}

/** Points of one measure for every arm: mean over seeds, with the interval when there are several. */
function points(
  results: Results,
  series: readonly (Arm | 'short')[],
  pick: (measures: Measures) => readonly { x: number; y: number }[],
): Point[] {
  return series.flatMap((arm) => {
    const perSeed = results.seeds.map(({ measures }) => pick(measures[arm]))
    return perSeed[0]!.map(({ x }, i) => {
      const { mean, half } = interval(perSeed.map((own) => own[i]!.y))
      return {
        series: label(arm),
        x,
        y: mean,
        low: half === undefined ? undefined : mean - half,
        high: half === undefined ? undefined : mean + half,
      }
    })
  })
}

function context(results: Results): Section {
  const { shortLength } = results.settings
  const mark = { x: shortLength, label: 'pretraining length' }
  const byContext = points(results, measured, ({ byContext }) => byContext.map(({ context, loss }) => ({ x: context, y: loss })))
  const byPosition = points(results, measured, ({ byPosition }) => byPosition.map(({ position, loss }) => ({ x: position, y: loss })))
  const paper = Object.entries(figure1.loss).flatMap(([series, losses]) => losses.map((y, i) => ({ series, x: figure1.contexts[i]!, y })))
  const fits = measured.flatMap((arm) =>
    results.seeds.map(({ seed, measures }) => {
      const { alpha, beta, gamma, rmse } = measures[arm].powerLaw
      // a flat or rising loss has no exponent (0), a fall between the two shortest contexts alone none that is determined (10)
      const falls = beta > 0 && beta < 10
      const numbers = [alpha.toPrecision(3), beta.toFixed(3), gamma.toFixed(3), rmse.toFixed(3), (2 ** -beta).toFixed(2)]
      return [label(arm), seed, ...(falls ? numbers : numbers.map(() => '–'))]
    }),
  )
  return {
    title: 'Loss against context',
    body:
      '<p>The same last tokens of every held-out document are scored with more and more of what precedes them (nested contexts), so the curves compare like with like.</p>' +
      `<div class="grid">${lines(byContext, { title: 'Ours: loss by context length', x: 'context (tokens)', y: 'loss (nats)', logX: true, mark })}` +
      `${lines(paper, { title: 'The paper, Fig. 1: Llama 2 Long', x: 'context (tokens)', y: 'loss (nats)', logX: true })}` +
      `${lines(byPosition, { title: 'Ours: loss by position in the row (cf. Fig. 9a)', x: 'position', y: 'loss (nats)', mark })}</div>` +
      `<p>Power law L(c) = (α/c)^β + γ through our points (paper §3.1; 2^−β is what doubling the context multiplies the reducible loss by; – where the loss does not fall like one):</p>` +
      table(['model', 'seed', 'α', 'β', 'γ', 'RMSE', '2^−β'], fits) +
      `<p class="soft">Perplexity on Books in the paper's ablation (Table 5): plain RoPE ${table5Books.rope}, PI ${table5Books.pi}, ABF ${table5Books.abf}.</p>`,
  }
}

function retrieval(results: Results): Section {
  const { shortLength, recallShare, recallSteps, recallWeight } = results.settings
  const mark = { x: shortLength, label: 'pretraining length' }
  const ours = points(results, measured, ({ retrieval }) => retrieval.map(({ length, rougeL }) => ({ x: length, y: rougeL })))
  const paper = arms.flatMap((arm) => figure5b.lengths.map((x, i) => ({ series: armNames[arm], x, y: figure5b.rougeL[arm][i]! })))
  const lengths = [...new Set(results.seeds[0]!.measures.abf.keys.map(({ length }) => length))]
  const keys = points(results, measured, ({ keys }) =>
    lengths.map((length) => ({ x: length, y: 100 * mean(keys.filter((k) => k.length === length).map(({ accuracy }) => accuracy)) })),
  )
  const grid = results.seeds[0]!.measures.abf.keys.map(({ length, depth }, i) => ({
    x: length,
    y: depth,
    share: mean(results.seeds.map(({ measures }) => measures.abf.keys[i]!.accuracy)),
  }))
  return {
    title: 'Retrieval',
    body:
      `<p>${Math.round(100 * recallShare)} % of the training tokens, the same for every arm and for pretraining, are recall exercises: random tokens that repeat, a first sentence, a pass key or a passage that returns at the end of the row. What they ask for weighs ${recallWeight} times as much in the loss, and pretraining begins with random tokens alone (${recallSteps} steps). Without them a model of this size shows no retrieval at all; so these curves show who can still look back, not what plain text teaches.</p>` +
      `<div class="grid">${lines(ours, { title: 'Ours: first-sentence retrieval', x: 'length (tokens)', y: 'ROUGE-L', logX: true, yDomain: [0, 100], mark })}` +
      `${lines(paper, { title: 'The paper, Fig. 5b: 7B, trained at 32,768', x: 'length (tokens)', y: 'ROUGE-L', logX: true, yDomain: [0, 100] })}` +
      `${lines(keys, { title: 'Ours: pass key, mean over depths', x: 'length (tokens)', y: 'found (%)', logX: true, yDomain: [0, 100], mark })}` +
      `${cells(grid, { title: `Ours, ABF: pass key by length and depth (% found)`, x: 'length (tokens)', y: 'depth' })}</div>` +
      `<p class="soft">The paper found pass keys too easy (all but plain RoPE score 100 %) and made the first-sentence task for that reason. Lengths here count the prompt; they end at 7/8 of the trained length, so that the answer has room.</p>`,
  }
}

function method(results: Results): Section {
  const { longLength, shortLength } = results.settings
  const distances = Array.from({ length: 256 }, (_, i) => Math.round((i * longLength) / 256))
  const decay = arms.flatMap((arm) =>
    Array.from(attentionDecay(results.ropes[arm], distances), (y, i) => ({ series: armNames[arm], x: distances[i]!, y })),
  )
  const curves = results.seeds[0]!
  const curve = arms.flatMap((arm) =>
    curves.training[arm]!.curve.map(({ tokens, loss }) => ({ series: armNames[arm], x: tokens, y: loss })),
  )
  const pretraining = curves.training.pretrain!.curve.map(({ tokens, loss }) => ({ series: 'pretraining', x: tokens, y: loss }))
  const { ropeTheta, abfTheta } = results.settings
  return {
    title: 'What was done',
    body:
      `<p>Pretraining at ${compact(shortLength)} tokens with RoPE base ${compact(ropeTheta)}, AdamW and a cosine schedule with warm-up. Then the same checkpoint goes on at ${compact(longLength)} tokens in three arms: <b>ABF</b> raises the base to ${abfTheta.toLocaleString('en-US')}, <b>plain RoPE</b> changes nothing, <b>PI</b> divides positions by ${longLength / shortLength}. Attention is exact everywhere (flash attention with gradients), documents in a row do not see each other.</p>` +
      `<div class="grid">${lines(decay, { title: 'Attention decay by distance (Fig. 4, at our head dimension)', x: 'distance (tokens)', y: 'score of equal vectors', smooth: true })}` +
      `${lines(pretraining, { title: `Training loss, pretraining (seed ${curves.seed})`, x: 'tokens', y: 'loss (nats)', smooth: true })}` +
      `${lines(curve, { title: `Training loss, the arms (seed ${curves.seed})`, x: 'tokens', y: 'loss (nats)', smooth: true })}</div>`,
  }
}

function instruct(results: Results): Section {
  const tunings = Object.keys(tuningNames) as Tuning[]
  const column = (pick: (answers: Answers) => number, digits: number) => (tuning: Tuning) =>
    meanInterval(
      results.seeds.map(({ answers }) => pick(answers[tuning])),
      digits,
    )
  const [lossOf, f1, rougeL, exact, textLoss] = [
    column((a) => a.loss, 3),
    column((a) => 100 * a.f1, 1),
    column((a) => 100 * a.rougeL, 1),
    column((a) => 100 * a.exactMatch, 1),
    column((a) => a.textLoss, 3),
  ]
  const { author, pairs, rejected } = results.pairs
  return {
    title: 'Instruction tuning on self-instructed pairs',
    body:
      `<p>Pairs written and then checked by ${escapeHtml(author)}: ${pairs.length} kept${Object.keys(rejected).length > 0 ? `, rejected: ${escapeHtml(describeCounts(rejected))}` : ''}. A long instance is the full document, the question and the answer in the paper's template, one a row, right-padded; a short chat has the chunk in the document's place, and rows hold many. The ABF model is tuned four ways, with equal steps; half of the rows are chats wherever there is something else.</p>` +
      table(
        ['tuning', 'loss of answers', 'token F1', 'ROUGE-L', 'exact match %', 'loss of plain long text'],
        tunings.map((tuning) => [tuningNames[tuning], lossOf(tuning), f1(tuning), rougeL(tuning), exact(tuning), textLoss(tuning)]),
      ) +
      '<p>The paper, Table 9:</p>' +
      table(
        ['setting', 'Qasper', 'NarrativeQA', 'QuALITY'],
        table9.map(({ setting, qasper, narrativeQa, quality }) => [setting, qasper, narrativeQa, quality]),
      ),
  }
}

function samples(results: Results): Section {
  const { answers, measures } = results.seeds[0]!
  const quote = (parts: readonly (readonly [string, string])[]) =>
    `<blockquote>${parts.map(([name, text]) => `<b>${escapeHtml(name)}</b> ${escapeHtml(text === '' ? '(nothing)' : text)}`).join('<br>')}</blockquote>`
  const asked = answers.whole.samples.map((sample, i) =>
    quote([
      ['Question', sample.question],
      ['Reference', sample.reference],
      ['Whole sequence', sample.prediction],
      ['Answers only', answers.answers.samples[i]?.prediction ?? ''],
    ]),
  )
  const longest = (arm: Arm) => measures[arm].retrieval.at(-1)!
  const recalled = longest('abf')
    .perDocument.slice(0, 3)
    .map((sample, i) =>
      quote([
        ['First sentence', sample.reference],
        ['ABF', sample.prediction],
        ['Plain RoPE', longest('rope').perDocument[i]!.prediction],
        ['PI', longest('pi').perDocument[i]!.prediction],
      ]),
    )
  return {
    title: 'Samples',
    body: `<p>First sentence asked for at the end of ${compact(longest('abf').length)} tokens:</p>${recalled.join('')}<p>Answers about held-out documents:</p>${asked.join('')}`,
  }
}

function setup(results: Results): Section {
  const { documents, dropped, stages, settings, engine, seeds } = results
  const kinds = [...new Set(documents.map(({ source, split }) => `${source}|${split}`))].sort().map((kind) => {
    const [source, split] = kind.split('|') as [string, string]
    const own = documents.filter((document) => document.source === source && document.split === split)
    return [source, split, own.length, compact(own.reduce((sum, { tokens }) => sum + tokens.length, 0))]
  })
  const training = documents.filter(({ split }) => split === 'train').map(({ tokens }) => tokens.length)
  const beyond = lengthReport({ training }).beyond.filter(({ length }) => length >= settings.shortLength)
  const runs = seeds.flatMap(({ seed, training }) =>
    Object.entries(training).map(([id, t]) => [
      id,
      seed,
      t.steps,
      compact(t.tokens),
      t.lastLoss.toFixed(3),
      t.validationLoss.toFixed(3),
      t.seconds.toFixed(1),
      compact(Math.round(t.tokens / t.seconds)),
    ]),
  )
  const peakBytes = Math.max(...seeds.flatMap(({ training }) => Object.values(training).map((own) => own.peakBytes)))
  const total = [...stages.values()].reduce((sum, { seconds }) => sum + seconds, 0)
  return {
    title: 'Settings, data, times',
    body:
      `<p>Engine: ${escapeHtml(engine)}; peak memory of the engine ${(peakBytes / 2 ** 20).toFixed(0)} MiB; ${(total / 60).toFixed(1)} minutes in all.</p>` +
      table(['texts', 'split', 'documents', 'tokens'], kinds) +
      table(
        ['training texts of at least', 'hold of the tokens'],
        beyond.map(({ length, share }) => [compact(length), `${(100 * share).toFixed(0)} %`]),
      ) +
      `<p class="soft">${Object.keys(dropped).length > 0 ? `Dropped: ${escapeHtml(describeCounts(dropped))}. ` : ''}Rows of pretraining are ${(100 * results.utilisation).toFixed(1)} % full.</p>` +
      table(['training', 'seed', 'steps', 'tokens', 'last loss', 'held-out loss', 'seconds', 'tokens/s'], runs) +
      `<details><summary>Times of all stages</summary>${table(
        ['stage', 'seconds'],
        [...stages].map(([id, { seconds }]) => [id, seconds.toFixed(1)]),
      )}</details>` +
      `<details><summary>All settings</summary>${table(
        ['setting', 'value'],
        Object.entries(settings).map(([key, value]) => [key, Array.isArray(value) ? value.join(', ') : String(value)]),
      )}</details>`,
  }
}
