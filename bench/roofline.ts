import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { median, type Row } from './row.ts'
import type { Recorded } from './write-results.ts'

const kinds = [
  { kind: 'attention, forward', work: 'attention', cases: /^forward T \d+ D \d+$/, colour: '#1f6feb' },
  { kind: 'attention, backward', work: 'attention', cases: /^backward T \d+ D \d+$/, colour: '#8250df' },
  { kind: 'matrix product', work: 'matmul', cases: /^NN \d+×\d+×\d+$/, colour: '#bc4c00' },
  { kind: 'decoding', work: 'decode', cases: /^S \d+ K \d+$/, colour: '#1a7f37' },
] as const
/** Intensities between which everything lies, FLOPs per byte. */
const domain = [0.2, 10_000] as const

/** GFLOP/s over FLOPs per byte, on one thread: ours on wasm filled, the native op on tfjs-node hollow, under the machine's roofs. SVG. */
export function roofline(runs: readonly Recorded[]): string {
  const points = kinds.flatMap(({ kind, work, cases, colour }) => {
    const rows = runs.find((run) => run.work === work)?.rows ?? []
    return rows
      .filter(({ case: name, peer, threads }) => peer === 'ours' && threads === 1 && cases.test(name))
      .flatMap(({ intensity, gflops, engine }) => (intensity && gflops ? [{ kind, colour, intensity, gflops, engine }] : []))
  })
  const machine = runs.flatMap(({ rows }) => rows.filter((row) => row.case === 'peak' && row.threads === 1))
  const rate = (peer: string, of: (row: Row) => number | null | undefined) =>
    median(machine.filter((row) => row.peer === peer).flatMap((row) => of(row) ?? []))
  const bandwidth = rate('copy', (row) => row.gigabytesPerSecond)
  const roofs = [
    { label: '128-bit FMA in wasm', peak: rate('fma', (row) => row.gflops), dash: '' },
    { label: 'widest FMA, native', peak: rate('native fma', (row) => row.gflops), dash: '5 4' },
  ].filter(({ peak }) => peak > 0)
  const { document } = parseHTML('<html><body></body></html>')
  const svg = Plot.plot({
    document,
    width: 820,
    height: 480,
    marginLeft: 60,
    marginRight: 20,
    marginBottom: 48,
    style: { background: 'white', color: '#1f2328', fontSize: '13px', fontFamily: 'system-ui, sans-serif' },
    x: {
      type: 'log',
      domain: [...domain],
      label: 'FLOPs per byte of inputs and outputs →',
      tickFormat: (value: number) => (Number.isInteger(Math.log10(value)) ? String(value) : ''),
    },
    y: {
      type: 'log',
      domain: [1, 200],
      grid: true,
      label: '↑ GFLOP/s, one thread',
      ticks: [1, 2, 5, 10, 20, 50, 100, 200],
      tickFormat: String,
    },
    marks: [
      ...roofs.flatMap(({ label, peak, dash }) => [
        Plot.line(
          [domain[0], peak / bandwidth, domain[1]].map((intensity) => [intensity, Math.min(peak, intensity * bandwidth)]),
          { stroke: '#1f2328', strokeWidth: 1.5, strokeDasharray: dash, clip: true },
        ),
        Plot.text([[domain[1], peak]], { text: [`${label}, ${peak.toFixed(0)}`], textAnchor: 'end', dy: -8, dx: -4 }),
      ]),
      Plot.text([[0.4, 0.4 * bandwidth]], { text: [`copy, ${bandwidth.toFixed(0)} GB/s`], textAnchor: 'start', dx: 8, dy: 8 }),
      Plot.dot(points, {
        x: 'intensity',
        y: 'gflops',
        r: 4.5,
        stroke: 'colour',
        strokeWidth: 1.5,
        fill: (point) => (point.engine === 'wasm' ? point.colour : 'white'),
        clip: true,
      }),
      ...kinds.map(({ kind, colour }, i) =>
        Plot.text([kind], { text: [`● ${kind}`], fill: colour, frameAnchor: 'bottom-right', textAnchor: 'end', dx: -8, dy: -74 + 18 * i }),
      ),
      Plot.text(['legend'], {
        text: ['filled: wasm, hollow: native op on tfjs-node'],
        frameAnchor: 'bottom-right',
        textAnchor: 'end',
        dx: -8,
        dy: -2,
      }),
    ],
  })
  return `${svg.outerHTML.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')}\n`
}
