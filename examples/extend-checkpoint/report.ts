// Writes report.html: before and after, with everything that was measured on the way.
import { basename } from 'node:path'
import { page, type Section, table } from '../long-context/report/page.ts'
import { cells, compact, escapeHtml, lines, type Point } from '../long-context/report/plots.ts'
import { mean, meanInterval } from '../long-context/report/statistics.ts'
import { writeWhole } from '../long-context/run.ts'
import { describeCounts } from '../long-context/texts.ts'
import { type Finding, findings } from './findings.ts'
import { planTable, rounded } from './plan.ts'
import { colourOf, coloursOf, models } from './report-models.ts'
import type { Results } from './results.ts'

/** Writes `file`: one self-contained page. */
export function writeReport(file: string, results: Results): void {
  const { settings, trained, plan, engine } = results
  const title = `${basename(settings.model)}: from ${compact(trained)} to ${compact(settings.length)} tokens`
  const lead = `<p class="soft">A checkpoint of ${compact(plan.parameters)} parameters, trained on ${compact(trained)} tokens, taken to ${compact(settings.length)} by the method of <em>Effective Long-Context Scaling of Foundation Models</em> (Xiong et al. 2023, arXiv 2309.16039): a larger base of its rotations, continued pretraining, instruction tuning. ${escapeHtml(engine)}.</p>`
  const looked = settings.evalTrials > 0 ? [recall(results)] : []
  const sections = [found(results), position(results), context(results), sweep(results), ...looked, training(results)]
  writeWhole(file, page(title, lead, [...sections, samples(results), setup(results)]))
}

function found(results: Results): Section {
  const item = ({ headline, text }: Finding) => `<div class="finding"><h3>${escapeHtml(headline)}</h3><p>${escapeHtml(text)}</p></div>`
  return { title: 'What shows, and what does not', body: `<div class="grid">${findings(results).map(item).join('')}</div>` }
}

function position(results: Results): Section {
  const { trained } = results
  const points = models(results).flatMap(({ name, positions }) =>
    positions.map(({ position, loss, standardError }): Point => {
      const band = standardError === undefined ? {} : { low: loss - standardError, high: loss + standardError }
      return { series: name, x: position, y: loss, ...band }
    }),
  )
  const rows = results.before.losses.byPosition.map(({ position }, i) => [
    compact(Math.round(position)),
    ...models(results).map(({ positions }) => positions[i]!.loss.toFixed(3)),
  ])
  const options = { x: 'position', y: 'loss (nats)', mark: { x: trained, label: 'trained context' }, colours: coloursOf(results) }
  const zoomed = points.filter(({ series }) => series !== 'unmodified')
  return {
    title: 'Loss by position in the row',
    body:
      '<p>Held-out texts, rows of the new length, full attention. Positions differ in how hard they are, so compare models at a position, not positions.</p>' +
      `<div class="grid">${lines(points, { title: 'All models', ...options })}${lines(zoomed, { title: 'Without the unmodified one', ...options })}</div>` +
      `<details><summary>Numbers</summary>${table(['around token', ...models(results).map(({ name }) => name)], rows)}</details>`,
  }
}

function context(results: Results): Section {
  const { trained } = results
  const withLosses = models(results).flatMap(({ name, losses }) => (losses ? [{ name, losses }] : []))
  const points = withLosses.flatMap(({ name, losses }) =>
    losses.byContext.map(({ context, loss }) => ({ series: name, x: context, y: loss })),
  )
  const options = {
    x: 'context (tokens)',
    y: 'loss (nats)',
    logX: true,
    mark: { x: trained, label: 'trained context' },
    colours: coloursOf(results),
  }
  // one scale for the unmodified model beyond its context would make a straight line of every other
  const zoomed = points.filter(({ series, x }) => series !== 'unmodified' || x <= trained)
  const fits = withLosses.map(({ name, losses: { powerLaw: law, byContext } }) => {
    // a flat or rising loss has no exponent (0), a fall between the two shortest contexts alone none that is determined (10)
    const falls = law.beta > 0 && law.beta < 10
    const numbers = [rounded(law.alpha), law.beta.toFixed(3), law.gamma.toFixed(3), law.rmse.toFixed(3)]
    return [name, ...(falls ? numbers : numbers.map(() => '–')), meanInterval(byContext.at(-1)!.perDocument)]
  })
  return {
    title: 'Loss against context',
    body:
      '<p>The same last tokens of every held-out text, scored with more and more of what precedes them: nested contexts compare like with like.</p>' +
      `<div class="grid">${lines(points, { title: 'All models', ...options })}${lines(zoomed, { title: 'The unmodified one up to its context', ...options })}</div>` +
      '<p>Power law L(c) = (α/c)^β + γ (paper §3.1; – where the loss does not fall like one):</p>' +
      table(['model', 'α', 'β', 'γ', 'RMSE', 'loss at full context'], fits) +
      `<p>Short rows of ${compact(results.before.losses.shortLength)} tokens, the guard against forgetting:</p>` +
      table(
        ['model', 'loss'],
        withLosses.map(({ name, losses }) => [name, meanInterval(losses.shortLosses)]),
      ),
  }
}

function sweep(results: Results): Section {
  const { tried, chosen, least, trained } = results
  const points = tried.flatMap(({ label, positions }) => positions.map(({ position, loss }) => ({ series: label, x: position, y: loss })))
  const colours = Object.fromEntries(tried.map(({ label }) => [label, colourOf(label, results)]))
  const options = { x: 'position', y: 'loss (nats)', mark: { x: trained, label: 'trained context' }, colours }
  return {
    title: 'Choosing the base, before any training',
    body:
      `<p>The same parameters with other rotations, on validation texts. ${escapeHtml(chosen)} was trained: of the bases raised ${least} times or more, with which no pair of channels meets an angle that it did not meet before, it has the lowest loss over the whole row.</p>` +
      `<div class="grid" style="max-width:640px">${lines(points, { title: 'Zero-shot loss by position', smooth: true, ...options })}</div>` +
      table(
        ['method', `up to ${compact(trained)}`, 'beyond', 'whole row'],
        tried.map(({ label, within, beyond, whole }) => [label, within.toFixed(3), beyond.toFixed(3), whole.toFixed(3)]),
      ),
  }
}

function recall(results: Results): Section {
  const withRecall = models(results).flatMap(({ name, recall }) => (recall ? [{ name, recall }] : []))
  const points = withRecall.flatMap(({ name, recall }) =>
    recall.retrieval.map(({ length, rougeL }) => ({ series: name, x: length, y: rougeL })),
  )
  const grids = withRecall.map(({ name, recall }) => {
    const shares = recall.keys.map(({ length, depth, accuracy }) => ({ x: length, y: depth, share: accuracy }))
    return cells(shares, { title: `Pass keys found (%): ${name}`, x: 'length (tokens)', y: 'depth' })
  })
  return {
    title: 'Retrieval',
    body:
      `<div class="grid">${grids.join('')}${lines(points, { title: 'First sentence, asked for at the end', x: 'length (tokens)', y: 'ROUGE-L', yDomain: [0, 100], mark: { x: results.trained, label: 'trained context' }, colours: coloursOf(results) })}</div>` +
      `<p class="soft">${results.settings.evalTrials} keys of five digits per length and depth; a key counts if it is the first number of the answer.</p>`,
  }
}

function training(results: Results): Section {
  const rows = Object.entries(results.training).map(([name, own]) => [
    name,
    own.steps,
    compact(own.tokens),
    own.lastLoss.toFixed(3),
    own.validationLoss.toFixed(3),
    rounded(own.seconds / own.steps),
    `${(own.peakBytes / 2 ** 30).toFixed(2)} GiB`,
  ])
  const points = Object.entries(results.training).flatMap(([name, { curve }]) =>
    curve.map(({ tokens, loss }) => ({ series: name, x: tokens, y: loss })),
  )
  const plain = [results.chosen, ...Object.keys(results.compared)].map((label) => [label, colourOf(label, results)])
  const colours = { ...coloursOf(results), ...Object.fromEntries(plain) }
  return {
    title: 'Training',
    body:
      table(['plan', ''], planTable(results.plan, results.settings, results.trained)) +
      `<div class="grid" style="max-width:640px">${lines(points, { title: 'Training loss', x: 'tokens', y: 'loss (nats)', smooth: true, colours })}</div>` +
      table(['training', 'steps', 'tokens', 'last loss', 'validation loss', 'seconds a step', 'memory after a step'], rows) +
      `<p class="soft">Of the tokens, ${Math.round(100 * results.settings.shortShare)} % are in short pieces of texts. Texts are the half with the largest share of letters. Every token's loss counts, also in instruction tuning.</p>`,
  }
}

function samples({ answers, book, pairs }: Results): Section {
  const quote = (parts: readonly (readonly [string, string])[]) =>
    `<blockquote>${parts.map(([name, text]) => `<b>${escapeHtml(name)}</b> ${escapeHtml(text === '' ? '(nothing)' : text)}`).join('<br>')}</blockquote>`
  const asked = answers.after.map(({ question, answer, tokens }, i) =>
    quote([
      [`Question after ${tokens.toLocaleString('en-US')} tokens`, question],
      ['Unmodified', answers.before[i]!.answer],
      ['Extended', answer],
    ]),
  )
  const written = pairs.pairs.slice(0, 3).map(({ question, answer }) =>
    quote([
      ['Question', question],
      ['Answer', answer],
    ]),
  )
  return {
    title: 'Samples',
    body: `<p>Asked about “${escapeHtml(book)}”, a held-out text, as much of it as fits:</p>${asked.join('')}${written.length > 0 ? `<p>Pairs by ${escapeHtml(pairs.author)}:</p>${written.join('')}` : ''}`,
  }
}

function setup({ documents, dropped, stages, settings, pairs }: Results): Section {
  const kinds = [...new Set(documents.map(({ source, split }) => `${source}|${split}`))].sort().map((kind) => {
    const [source, split] = kind.split('|') as [string, string]
    const own = documents.filter((document) => document.source === source && document.split === split).map(({ tokens }) => tokens.length)
    return [source, split, own.length, compact(own.reduce((sum, tokens) => sum + tokens, 0)), compact(Math.round(mean(own)))]
  })
  const total = [...stages.values()].reduce((sum, { seconds }) => sum + seconds, 0)
  return {
    title: 'Settings, data, times',
    body:
      '<p>Built-in texts that are shorter than a row are joined with what follows them: chapters of a book, addresses of one president. Held-out texts are never trained on.</p>' +
      table(['texts', 'split', 'documents', 'tokens', 'tokens each'], kinds) +
      `<p class="soft">${Object.keys(dropped).length > 0 ? `Dropped: ${escapeHtml(describeCounts(dropped))}. ` : ''}${Object.keys(pairs.rejected).length > 0 ? `Pairs rejected: ${escapeHtml(describeCounts(pairs.rejected))}. ` : ''}${(total / 60).toFixed(1)} minutes in all.</p>` +
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
