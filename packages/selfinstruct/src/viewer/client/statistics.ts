import type { Outcome } from '../../types.ts'
import type { ViewerData } from '../viewer-data.ts'
import { count, drawing, element } from './element.ts'
import { resultOf } from './filter.ts'

const BINS = 20

/** Tables and plots of these outcomes. */
export function statistics(outcomes: readonly Outcome[], documents: ViewerData['documents']): HTMLElement {
  const pairs = outcomes.filter((outcome) => outcome.kind === 'pair')
  const words = (text: string): number => text.split(/\s+/).filter(Boolean).length
  const lengthOf = (id: string): number => (Object.hasOwn(documents, id) ? documents[id]!.length : Number.NaN)
  const places = outcomes.flatMap(({ chunks, documentId }) => chunks.map(({ start, end }) => (start + end) / 2 / lengthOf(documentId)))
  return element(
    'div',
    { className: 'grid' },
    shares('Results', outcomes.map(resultOf)),
    shares(
      'Kinds of the pairs',
      pairs.map(({ promptKind }) => promptKind),
    ),
    histogram(
      'Words of a question',
      pairs.map(({ question }) => words(question)),
    ),
    histogram(
      'Words of an answer',
      pairs.map(({ answer }) => words(answer)),
    ),
    histogram(
      'Groundedness of an answer',
      pairs.map(({ groundedness }) => groundedness),
      1,
    ),
    histogram('Place of a chunk in its document', places.filter(Number.isFinite), 1),
  )
}

function shares(title: string, values: readonly string[]): HTMLElement {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const rows = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([value, number]) =>
      element(
        'tr',
        {},
        element('td', {}, value),
        element('td', { className: 'number' }, count(number)),
        element('td', { className: 'number' }, `${((100 * number) / values.length).toFixed(1)} %`),
        element('td', { className: 'wide' }, bar(number / values.length)),
      ),
    )
  return figure(title, element('table', {}, ...rows))
}

const bar = (share: number): SVGElement =>
  drawing(
    'svg',
    { viewBox: '0 0 100 10', preserveAspectRatio: 'none', class: 'share', 'aria-hidden': 'true' },
    drawing('rect', { width: 100, height: 10, class: 'track' }),
    drawing('rect', { width: 100 * share, height: 10, class: 'bar' }),
  )

/** From 0 to `most`, or to the largest value, in whole numbers a bin. */
function histogram(title: string, values: readonly number[], most?: number): HTMLElement {
  if (values.length === 0) return figure(title, element('p', { className: 'soft' }, 'There are none.'))
  const largest = values.reduce((a, b) => Math.max(a, b), 0)
  const width = most === undefined ? Math.max(1, Math.ceil((largest + 1) / BINS)) : most / BINS
  const bins = Array.from({ length: most === undefined ? Math.ceil((largest + 1) / width) : BINS }, () => 0)
  for (const value of values) bins[Math.min(bins.length - 1, Math.floor(value / width))]!++
  const highest = Math.max(...bins)
  const [right, bottom] = [400, 110]
  const step = right / bins.length
  const label = (i: number): string => (most === undefined ? count(i * width) : (i * width).toFixed(2))
  const bars = bins.map((number, i) =>
    drawing(
      'rect',
      {
        x: i * step + 1,
        y: bottom - (bottom * number) / highest,
        width: Math.max(1, step - 2),
        height: (bottom * number) / highest,
        class: 'bar',
      },
      drawing('title', {}, `${label(i)} to ${label(i + 1)}: ${count(number)}`),
    ),
  )
  const ticks = [0, bins.length / 2, bins.length].map((i, at) =>
    drawing('text', { x: i * step, y: bottom + 16, 'text-anchor': ['start', 'middle', 'end'][at]! }, label(i)),
  )
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const plot = drawing('svg', { viewBox: `0 0 ${right} ${bottom + 22}`, role: 'img', 'aria-label': title }, ...bars, ...ticks)
  return figure(`${title}: ${mean.toFixed(most === undefined ? 1 : 2)} on average, highest bar ${count(highest)}`, plot)
}

const figure = (title: string, body: Node): HTMLElement => element('figure', {}, element('figcaption', {}, title), body)
