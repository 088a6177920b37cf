import type { LengthReport } from '../length-report.ts'
import type { Row } from '../types.ts'

const colours = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#ff8ab7', '#a463f2', '#97bbf5', '#9c6b4e']
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
export const percent = (fraction: number, digits = 1): string => `${(100 * fraction).toFixed(digits)} %`
export const count = (number: number): string => number.toLocaleString('en-US')

/** Share of the tokens by length of their document, as bars; the number of documents stands on top. */
export function lengthBars({ histogram }: LengthReport): string {
  const [width, height, left, bottom, top] = [760, 240, 50, 40, 20]
  const first = Math.max(
    0,
    histogram.findIndex(({ documents }) => documents > 0),
  )
  const bins = histogram.slice(first)
  const most = Math.max(...bins.map(({ share }) => share))
  const step = (width - left) / bins.length
  const scale = (share: number) => (share / most) * (height - bottom - top)
  const bars = bins.map(({ from, documents, tokens, share }, i) => {
    const x = left + i * step
    const h = scale(share)
    return (
      `<rect x="${x + 2}" y="${height - bottom - h}" width="${step - 4}" height="${h}" fill="${colours[0]}">` +
      `<title>${count(from)} … ${count(2 * from - 1)} tokens: ${count(documents)} documents, ${count(tokens)} tokens</title></rect>` +
      `<text x="${x + step / 2}" y="${height - bottom - h - 4}" text-anchor="middle">${count(documents)}</text>` +
      `<text x="${x + step / 2}" y="${height - bottom + 16}" text-anchor="middle">${short(from)}</text>`
    )
  })
  const ticks = [0, 0.5, 1].map(
    (part) => `<text x="${left - 6}" y="${height - bottom - scale(part * most) + 4}" text-anchor="end">${percent(part * most, 0)}</text>`,
  )
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Share of the tokens by length of the document">${ticks.join('')}${bars.join('')}<text x="${width / 2}" y="${height - 4}" text-anchor="middle">tokens of a document, from</text></svg>`
}

/** A row from left to right: each segment a block with its length, padding hatched. */
export function rowStrip({ segmentIds, lossWeights }: Pick<Row, 'segmentIds' | 'lossWeights'>): string {
  const [width, height] = [760, 44]
  const parts: { id: number; from: number; end: number; weighed: number }[] = []
  segmentIds.forEach((id, t) => {
    const last = parts.at(-1)
    const weighed = lossWeights[t]! > 0 ? 1 : 0
    if (last?.id === id) {
      last.end = t + 1
      last.weighed += weighed
    } else parts.push({ id, from: t, end: t + 1, weighed })
  })
  const x = (t: number) => (t / segmentIds.length) * width
  const blocks = parts.map(({ id, from, end, weighed }) => {
    const fill = id === 0 ? 'url(#padding)' : colours[(id - 1) % colours.length]
    const name = id === 0 ? 'padding' : `segment ${id}`
    const label =
      x(end) - x(from) > 34 ? `<text x="${(x(from) + x(end)) / 2}" y="26" text-anchor="middle" class="on">${count(end - from)}</text>` : ''
    return (
      `<rect x="${x(from)}" y="4" width="${Math.max(0.6, x(end) - x(from) - 1)}" height="${height - 8}" fill="${fill}">` +
      `<title>${name}: ${count(end - from)} tokens, ${count(weighed)} with loss</title></rect>${id === 0 ? '' : label}`
    )
  })
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="A row with its segments">${blocks.join('')}</svg>`
}

/** `1`, `2k`, `16k`, `3M`. */
export function short(number: number): string {
  if (number >= 2 ** 20) return `${Math.round(number / 2 ** 20)}M`
  return number >= 1024 ? `${Math.round(number / 1024)}k` : String(number)
}
