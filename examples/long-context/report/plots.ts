// Plots as SVG text, by Observable Plot on a DOM without a browser. Colours are CSS variables, so that one SVG serves light and dark.
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { armNames } from './results.ts'

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
  /** No points drawn on the lines; a series of one point is drawn all the same. */
  readonly smooth?: boolean
  /** A dashed upright line with a label. */
  readonly mark?: { readonly x: number; readonly label: string }
  /** Of series that the page has no colour for; grey where none is given. */
  readonly colours?: Readonly<Record<string, string>>
}

const styles: Readonly<Record<string, string>> = {
  [armNames.abf]: 'var(--abf)',
  [armNames.rope]: 'var(--rope)',
  [armNames.pi]: 'var(--pi)',
  '7B': 'var(--short)',
  '70B': 'var(--abf)',
}

/** A figure of `options`, with `legend` (HTML) above the plot. */
function figure(title: string, options: Plot.PlotOptions, legend = ''): string {
  const { document } = parseHTML('<html><body></body></html>')
  const style = { fontSize: '12px', background: 'transparent' }
  const svg = Plot.plot({ document, width: 520, marginLeft: 52, marginBottom: 40, style, ...options })
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${legend}${svg.outerHTML}</figure>`
}

/** Lines with points, bands where intervals are given, and a legend in words and colour above. */
export function lines(points: readonly Point[], options: LinesOptions): string {
  const { title, x, y, logX = false, yDomain, smooth = false, mark, colours = {} } = options
  const colourOf = (series: string) => styles[series] ?? colours[series] ?? 'var(--short)'
  const drawn = points.filter((point) => Number.isFinite(point.y))
  const names = [...new Set(drawn.map(({ series }) => series))]
  const ofSeries = names.map((name) => drawn.filter(({ series }) => series === name))
  const dots = smooth ? ofSeries.filter(({ length }) => length === 1).flat() : drawn
  const banded = drawn.filter((point) => point.low !== undefined && point.high !== undefined)
  const legend = names.map((name) => `<span><i style="background:${colourOf(name)}"></i>${escapeHtml(name)}</span>`).join('')
  return figure(
    title,
    {
      height: 320,
      x: { label: x, grid: false, tickFormat: compact, ...(logX ? { type: 'log', base: 2 } : { type: 'linear' }) },
      y: { label: y, grid: true, nice: true, ...(yDomain ? { domain: yDomain } : {}) },
      color: { domain: names, range: names.map(colourOf) },
      marks: [
        ...(mark
          ? [
              Plot.ruleX([mark.x], { stroke: 'currentColor', strokeDasharray: '3 4', strokeOpacity: 0.6 }),
              Plot.text([mark], { x: 'x', frameAnchor: 'top', text: 'label', dx: 4, textAnchor: 'start', fillOpacity: 0.7 }),
            ]
          : []),
        ...(banded.length > 0 ? [Plot.areaY(banded, { x: 'x', y1: 'low', y2: 'high', fill: 'series', fillOpacity: 0.15 })] : []),
        Plot.lineY(drawn, { x: 'x', y: 'y', stroke: 'series', strokeWidth: 2 }),
        Plot.dot(dots, { x: 'x', y: 'y', fill: 'series', r: 2.5 }),
      ],
    },
    `<div class="legend">${legend}</div>`,
  )
}

export interface Cell {
  readonly x: number
  readonly y: number
  /** In [0, 1]. */
  readonly share: number
}

/** A grid of shares, each cell with its number in percent. */
export function cells(data: readonly Cell[], { title, x, y }: { title: string; x: string; y: string }): string {
  return figure(title, {
    height: 240,
    marginTop: 26,
    x: { label: x, tickFormat: compact, type: 'band' },
    y: { label: y, labelAnchor: 'top', labelArrow: 'none', type: 'band', tickFormat: (depth: number) => `${Math.round(100 * depth)} %` },
    marks: [
      Plot.cell(data, { x: 'x', y: 'y', fill: 'var(--abf)', fillOpacity: ({ share }: Cell) => 0.06 + 0.74 * share, inset: 1 }),
      Plot.text(data, { x: 'x', y: 'y', text: ({ share }: Cell) => `${Math.round(100 * share)}`, fill: 'currentColor' }),
    ],
  })
}

/** 1024 → 1,024; 32768 → 33k; 134515008 → 135M. */
export const compact = (value: number): string =>
  value >= 10_000_000
    ? `${Math.round(value / 1e6)}M`
    : value >= 10_000
      ? `${Math.round(value / 1000)}k`
      : value.toLocaleString('en-US', { maximumFractionDigits: 2 })

/** Text made safe for HTML. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)
