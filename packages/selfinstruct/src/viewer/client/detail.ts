import type { Outcome } from '../../types.ts'
import type { ViewerData } from '../viewer-data.ts'
import { element } from './element.ts'
import { excerpt } from './excerpt.ts'
import { resultOf } from './filter.ts'
import { kinds, reasons } from './reasons.ts'

export const badge = (outcome: Outcome): HTMLElement =>
  element('span', { className: outcome.kind === 'pair' ? 'badge good' : 'badge bad' }, resultOf(outcome))

/** Everything about one outcome: what was asked and answered beside what was read. */
export function detail(outcome: Outcome, documents: ViewerData['documents']): HTMLElement {
  const { question, answer, documentId, promptKind, chunks } = outcome
  const more: (HTMLElement | undefined)[] =
    outcome.kind === 'pair'
      ? [
          part('Critique', outcome.critique),
          part('Answer without the document', outcome.closedBookAnswer),
          part('Grounded', `${Math.round(100 * outcome.groundedness)} % of the answer’s telling words stand in the chunk.`),
        ]
      : [part('Reason', `${reasons[outcome.reason]}\n${outcome.detail}`), part('Reply', outcome.reply)]
  const own = Object.hasOwn(documents, documentId) ? documents[documentId] : undefined
  const texts = own
    ? chunks.map((chunk) => excerpt(chunk, own, answer))
    : [element('p', { className: 'soft' }, 'The text of this document was not given.')]
  return element(
    'div',
    { className: 'sides' },
    element(
      'div',
      {},
      element('p', { className: 'soft' }, badge(outcome), ` ${kinds[promptKind]} · ${documentId}`),
      part('Question', question),
      part('Answer', answer),
      ...more,
    ),
    element('div', {}, ...texts),
  )
}

const part = (title: string, text: string | undefined): HTMLElement | undefined =>
  text === undefined ? undefined : element('section', {}, element('h3', {}, title), element('p', { className: 'text' }, text))
