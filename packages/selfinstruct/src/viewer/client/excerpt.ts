import type { Chunk } from '../../chunk.ts'
import { CONTEXT, type Excerpts } from '../viewer-data.ts'
import { count, drawing, element } from './element.ts'

/** A chunk within what stands around it; the answer is marked where the chunk holds it word for word. */
export function excerpt({ start, end }: Chunk, { pieces, length }: Excerpts, answer = ''): HTMLElement {
  const piece = pieces.find((own) => own.start <= start && end <= own.start + own.text.length)
  if (!piece)
    return element('p', { className: 'soft' }, 'The document is another one than the one this was made from: it has no such chunk.')
  const cut = (from: number, to: number): string => piece.text.slice(Math.max(0, from - piece.start), Math.max(0, to - piece.start))
  const [from, to] = [start - CONTEXT, end + CONTEXT]
  const chunk = cut(start, end)
  const at = answer.length > 1 ? chunk.toLowerCase().indexOf(answer.toLowerCase()) : -1
  const marked =
    at < 0 ? [chunk] : [chunk.slice(0, at), element('b', {}, chunk.slice(at, at + answer.length)), chunk.slice(at + answer.length)]
  return element(
    'div',
    { className: 'excerpt' },
    element('p', { className: 'soft' }, `characters ${count(start)} to ${count(end)} of ${count(length)}`),
    place(start / length, end / length),
    element(
      'div',
      { className: 'text' },
      element('span', { className: 'around' }, from > 0 ? `… ${cut(from, start)}` : cut(0, start)),
      element('mark', {}, ...marked),
      element('span', { className: 'around' }, to < length ? `${cut(end, to)} …` : cut(end, length)),
    ),
  )
}

/** Where in the document a chunk stands, as a strip. */
const place = (from: number, to: number): SVGElement =>
  drawing(
    'svg',
    { viewBox: '0 0 1000 8', preserveAspectRatio: 'none', class: 'place', 'aria-hidden': 'true' },
    drawing('rect', { width: 1000, height: 8, class: 'track' }),
    drawing('rect', { x: 1000 * from, width: Math.max(3, 1000 * (to - from)), height: 8, class: 'bar' }),
  )
