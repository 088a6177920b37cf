import type { Outcome } from '../../types.ts'
import type { ViewerData } from '../viewer-data.ts'
import { badge, detail } from './detail.ts'
import { count, element } from './element.ts'
import { entryOf, type Filter, matching, resultOf } from './filter.ts'
import { kinds } from './reasons.ts'
import { statistics } from './statistics.ts'
import { virtualList } from './virtual-list.ts'

const { title, outcomes, documents }: ViewerData = JSON.parse(document.querySelector('#data')!.textContent)
const entries = outcomes.map(entryOf)
const results = [...new Set(outcomes.map(resultOf))].sort((a, b) => Number(b === 'pair') - Number(a === 'pair') || a.localeCompare(b))

const select = (label: string, options: readonly (readonly [value: string, text: string])[]): HTMLSelectElement =>
  element('select', { ariaLabel: label }, ...options.map(([value, textContent]) => element('option', { value, textContent })))
const search = element('input', { type: 'search', placeholder: 'Search in questions and answers', ariaLabel: 'Search' })
const result = select('Result', [
  ['', 'pairs and rejections'],
  ...results.map((value) => [value, value === 'pair' ? 'pairs' : `rejected: ${value}`] as const),
])
const kind = select('Kind', [
  ['', 'all kinds'],
  ...[...new Set(outcomes.map((own) => own.promptKind))].map((own) => [own, kinds[own]] as const),
])
const ids = [...new Set(outcomes.map(({ documentId }) => documentId))]
const documentIds = element('datalist', { id: 'ids' }, ...ids.map((value) => element('option', { value })))
const byDocument = element('input', { type: 'search', placeholder: `One of ${count(ids.length)} documents`, ariaLabel: 'Document' })
byDocument.setAttribute('list', 'ids')

const found = element('p', { className: 'soft', ariaLive: 'polite' })
const shown = element('main', {})
const plots = element('div', {})
const details = element('details', {}, element('summary', {}, 'Statistics and plots of what is listed'), plots)

const list = virtualList<Outcome>(
  (outcome) =>
    element(
      'div',
      { className: 'row' },
      element('div', { className: 'line' }, outcome.question ?? (outcome.kind === 'rejection' ? outcome.detail : '')),
      element('div', { className: 'line soft' }, badge(outcome), ` ${kinds[outcome.promptKind]} · ${outcome.documentId}`),
    ),
  (outcome) => {
    shown.replaceChildren(
      outcome ? detail(outcome, documents) : element('p', { className: 'soft' }, 'Nothing is listed: widen the filter.'),
    )
    shown.scrollTop = 0
  },
)

let listed: readonly Outcome[] = []
const drawPlots = (): void => plots.replaceChildren(...(details.open ? [statistics(listed, documents)] : []))
const filter = (): void => {
  const wanted: Filter = { result: result.value, kind: kind.value, document: byDocument.value, search: search.value }
  listed = matching(entries, wanted)
  const pairs = listed.filter((own) => own.kind === 'pair').length
  found.textContent = `${count(listed.length)} of ${count(outcomes.length)}: ${count(pairs)} pairs, ${count(listed.length - pairs)} rejections`
  list.show(listed)
  drawPlots()
}
for (const input of [search, byDocument, result, kind]) input.addEventListener('input', filter)
details.addEventListener('toggle', drawPlots)

document.body.append(
  element(
    'header',
    {},
    element('h1', {}, title),
    element('div', { className: 'filters' }, search, result, kind, byDocument, documentIds),
    found,
    details,
  ),
  element('div', { className: 'panes' }, list.element, shown),
)
filter()
