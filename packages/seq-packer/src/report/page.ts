import type { LengthReport } from '../length-report.ts'
import type { Row } from '../types.ts'
import type { Utilisation } from '../utilisation.ts'
import { count, escaped, lengthBars, percent, rowStrip } from './plots.ts'
import type { StrategyUse } from './strategies.ts'

export interface ReportContent {
  readonly title: string
  readonly lengths?: LengthReport | undefined
  readonly rowLength?: number | undefined
  readonly strategies?: readonly StrategyUse[] | undefined
  /** Some rows to draw. */
  readonly rows?: readonly Row[] | undefined
  readonly packed?: Utilisation | undefined
}

const style = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 820px; margin: 2em auto; padding: 0 1em; color: #1b1e23; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin-top: 2em }
svg { width: 100%; height: auto } svg text { font: 11px system-ui, sans-serif; fill: #555 } svg text.on { fill: #fff; font-weight: 600 }
table { border-collapse: collapse; width: 100% } td, th { text-align: right; padding: 3px 10px; border-bottom: 1px solid #e4e4e4; font-variant-numeric: tabular-nums; white-space: nowrap }
td:first-child, th:first-child { text-align: left } .bar { background: #4269d0; height: 10px; display: inline-block; vertical-align: middle }
.track { background: #eceff5; width: 140px; height: 10px; display: inline-block; margin-right: 8px; line-height: 0; text-align: left } p.note { color: #666 }`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
    .join('')}</table>`

const bar = (fraction: number): string =>
  `<span class="track"><span class="bar" style="width:${(140 * fraction).toFixed(1)}px"></span></span>`

/** One HTML page that needs nothing else: lengths, what packing makes of them, and rows as they are. */
export function reportPage({ title, lengths, rowLength, strategies, rows, packed }: ReportContent): string {
  const sections: string[] = []
  if (lengths) {
    const parts = Object.entries(lengths.parts).map(([name, part]) => [
      escaped(name),
      count(part.documents),
      count(part.tokens),
      `${bar(part.share)}${percent(part.share)}`,
    ])
    const beyond = lengths.beyond.filter(({ length }) => length >= 1024)
    sections.push(
      `<h2>Documents</h2><p>${count(lengths.documents)} documents, ${count(lengths.tokens)} tokens.</p>`,
      table(['', 'documents', 'tokens', 'share of the training'], parts),
      `<h2>Lengths</h2><p class="note">Share of the training tokens by the length of their document; on top the number of documents.</p>${lengthBars(lengths)}`,
      ...(beyond.length === 0
        ? []
        : [
            table(
              ['tokens in documents of at least', 'share'],
              beyond.map(({ length, share }) => [count(length), `${bar(share)}${percent(share)}`]),
            ),
          ]),
    )
  }
  if (strategies)
    sections.push(
      `<h2>Rows of ${count(rowLength ?? 0)} tokens, by strategy</h2>`,
      table(
        ['strategy', 'rows', 'full', 'documents cut', 'tokens dropped'],
        strategies.map(({ name, rows, fraction, cut, dropped }) => [
          escaped(name),
          count(rows),
          `${bar(fraction)}${percent(fraction, 2)}`,
          count(cut),
          count(dropped),
        ]),
      ),
    )
  if (packed)
    sections.push(
      `<h2>Packed rows</h2><p>${count(packed.rows)} rows, ${percent(packed.fraction, 2)} full: ${count(packed.tokens)} tokens in ${count(packed.segments)} segments, ` +
        `${count(packed.lossTokens)} of them with loss; ${count(packed.padding)} padding.</p>`,
    )
  if (rows && rows.length > 0)
    sections.push(
      `<h2>Rows as they are</h2><p class="note">Each block is a segment: attention and positions stay inside. Hatched is padding.</p>`,
      '<svg width="0" height="0" style="position:absolute"><defs><pattern id="padding" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#f2f2f2"/><rect width="2" height="6" fill="#d4d4d4"/></pattern></defs></svg>',
      ...rows.map(rowStrip),
    )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style><h1>${escaped(title)}</h1>${sections.join('\n')}</html>\n`
}
