// Plots as SVG text, by Observable Plot on a DOM without a browser. Colours are CSS variables, so that one SVG serves light and dark.
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

export interface Point {
  readonly series: string
  readonly x: number
  readonly y: number
  /** Interval around y. */
  readonly low?: number | undefined
  readonly high?: number | undefined
}

export interface LinesOptions {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly logX?: boolean
  readonly yDomain?: readonly [number, number]
  /** Series without points drawn on the line. */
  readonly smooth?: boolean
  /** A dashed upright line with a label. */
  readonly mark?: { readonly x: number; readonly label: string }
}

const styles: Record<string, string> = {
  ABF: 'var(--abf)',
  'plain RoPE': 'var(--rope)',
  PI: 'var(--pi)',
  'before extension': 'var(--short)',
  pretraining: 'var(--short)',
  '7B': 'var(--short)',
  '70B': 'var(--abf)',
  'whole sequence': 'var(--abf)',
  'answers only': 'var(--pi)',
  'before tuning': 'var(--short)',
}

const width = 520
const height = 320

/** Lines with points, bands where intervals are given, and a legend in words and colour above. */
export function lines(points: readonly Point[], { title, x, y, logX = false, yDomain, smooth = false, mark }: LinesOptions): string {
  const { document } = parseHTML('<html><body></body></html>')
  const drawn = points.filter((point) => Number.isFinite(point.y))
  const names = [...new Set(drawn.map(({ series }) => series))]
  const colour = (name: string) => styles[name] ?? 'currentColor'
  const banded = drawn.filter((point) => point.low !== undefined && point.high !== undefined)
  const svg = Plot.plot({
    document,
    width,
    height,
    marginLeft: 52,
    marginBottom: 40,
    style: { fontSize: '12px', background: 'transparent' },
    x: { label: x, type: logX ? 'log' : 'linear', grid: false, ...(logX ? { base: 2, tickFormat: compact } : { tickFormat: compact }) },
    y: { label: y, grid: true, nice: true, ...(yDomain ? { domain: yDomain } : {}) },
    color: { domain: names, range: names.map(colour) },
    marks: [
      ...(mark
        ? [
            Plot.ruleX([mark.x], { stroke: 'currentColor', strokeDasharray: '3 4', strokeOpacity: 0.6 }),
            Plot.text([mark], { x: 'x', frameAnchor: 'top', text: 'label', dx: 4, textAnchor: 'start', fillOpacity: 0.7 }),
          ]
        : []),
      ...(banded.length > 0 ? [Plot.areaY(banded, { x: 'x', y1: 'low', y2: 'high', fill: 'series', fillOpacity: 0.15 })] : []),
      Plot.lineY(drawn, { x: 'x', y: 'y', stroke: 'series', strokeWidth: 2 }),
      ...(smooth ? [] : [Plot.dot(drawn, { x: 'x', y: 'y', fill: 'series', r: 2.5 })]),
    ],
  } as Plot.PlotOptions)
  const legend = names.map((name) => `<span><i style="background:${colour(name)}"></i>${escapeHtml(name)}</span>`).join('')
  return figure(title, `<div class="legend">${legend}</div>${(svg as unknown as { outerHTML: string }).outerHTML}`)
}

/** A grid of shares in [0, 1], each cell with its number. */
export function cells(
  data: readonly { x: number; y: number; share: number }[],
  { title, x, y }: { title: string; x: string; y: string },
): string {
  const { document } = parseHTML('<html><body></body></html>')
  const svg = Plot.plot({
    document,
    width,
    height: 240,
    marginTop: 26,
    marginLeft: 52,
    marginBottom: 40,
    style: { fontSize: '12px', background: 'transparent' },
    x: { label: x, tickFormat: compact, type: 'band' },
    y: { label: y, labelAnchor: 'top', labelArrow: 'none', type: 'band', tickFormat: (depth: number) => `${Math.round(100 * depth)} %` },
    marks: [
      Plot.cell(data, { x: 'x', y: 'y', fill: 'var(--abf)', fillOpacity: (d: { share: number }) => 0.06 + 0.74 * d.share, inset: 1 }),
      Plot.text(data, { x: 'x', y: 'y', text: (d: { share: number }) => `${Math.round(100 * d.share)}`, fill: 'currentColor' }),
    ],
  } as Plot.PlotOptions)
  return figure(title, (svg as unknown as { outerHTML: string }).outerHTML)
}

const figure = (title: string, body: string) => `<figure><figcaption>${escapeHtml(title)}</figcaption>${body}</figure>`

/** 1024 → 1,024; 32768 → 32k. */
export const compact = (value: number): string =>
  value >= 10_000 ? `${Math.round(value / 1000)}k` : value.toLocaleString('en-US', { maximumFractionDigits: 2 })

/** Text made safe for HTML. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)
