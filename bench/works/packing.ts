import { by, goalOf, speedups, times } from '../goals.ts'
import { lengthsLikeTexts } from '../inputs.ts'
import type { Case } from '../measure.ts'
import { peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const rowLength = 16_384
const number = (count: number) => count.toLocaleString('en-US')

function planned(documents: number, buffer?: number): Case {
  const offline = buffer === undefined
  return {
    name: offline ? `offline ${number(documents)}` : `buffer of ${number(buffer)}, ${number(documents)}`,
    work: 'packing',
    input: { documents, rowLength, ...(offline ? {} : { buffer }) },
    peers: offline ? [peer('packer'), peer('trlBfd')] : [peer('packer')], // TRL knows no buffer
    flops: { '': 0 },
    items: documents,
  }
}

const concat = (documents: number): Case => ({
  name: `concat ${number(documents)}, tokens and all`,
  work: 'packing',
  input: { documents, rowLength, concat: true },
  peers: [peer('packer'), peer('trlWrapped')],
  flops: { '': 0 },
  items: lengthsLikeTexts(documents, rowLength).reduce((sum, length) => sum + length, 0),
})

function cases(quick: boolean): Case[] {
  if (quick) return [planned(100_000), planned(100_000, 10_000), concat(5_000)]
  const many = 10_000_000
  const fewer = planned(500_000)
  return [fewer, { ...planned(many), smaller: { name: fewer.name, growth: 20 } }, planned(many, 10_000), concat(20_000)]
}

const ours = by('Node', 'ours', 1)
const values = (rows: readonly Row[], kind: RegExp, value: (row: Row) => number | null | undefined) =>
  rows.filter((row) => ours(row) && kind.test(row.case)).map((row) => ({ case: row.case, value: value(row) ?? Number.NaN }))

function goals(rows: readonly Row[]): Goal[] {
  const [offline, online] = [/^offline/, /^buffer/]
  const fullness = (value: number) => `${(100 * value).toFixed(3)} %`
  const millions = (value: number) => `${(value / 1e6).toFixed(1)} M/s`
  return [
    goalOf({
      goal: 'offline: ≥ 5 × as fast as TRL’s bfd on the same lengths (a peer beyond its cap counts with the cap)',
      values: speedups(rows, ours, by('TRL', 'bfd', 1)),
      atLeast: 5,
      format: times,
    }),
    goalOf({
      goal: 'offline: rows within 0.1 % of the least there can be',
      values: values(rows, offline, (row) => row.utilisation),
      atLeast: 0.999,
      format: fullness,
    }),
    goalOf({
      goal: 'offline, 10,000,000: ≤ 200 MB, lengths, plan and all',
      values: values(rows, /^offline 10,/, (row) => -(row.peakBytes ?? Number.NaN)),
      atLeast: -200e6,
      format: (bytes) => `${(-bytes / 1e6).toFixed(0)} MB`,
    }),
    goalOf({
      goal: 'a buffer of 10,000: ≥ 99.5 % full',
      values: values(rows, online, (row) => row.utilisation),
      atLeast: 0.995,
      format: fullness,
    }),
    goalOf({
      goal: 'a buffer of 10,000: ≥ 5 M documents/s',
      values: values(rows, online, (row) => row.itemsPerSecond),
      atLeast: 5e6,
      format: millions,
    }),
  ]
}

export const packing: Work = {
  name: 'packing',
  about:
    'Which documents share a row of 16,384 tokens, found from their lengths by `planRows`: log-normal lengths with a tail, cut off at a row. TRL’s `bfd` up to its plan, without moving tokens. `concat` moves tokens: `pack` writes tokens, segments, positions and weights of every row, TRL’s `wrapped` gives slices of what is there. Memory of ours is what comes on top of Node and its loader.',
  cases,
  limits: { rounds: 5, turnMs: 60, spendMs: 8_000, capMs: 60_000 },
  goals,
  tables: [{ title: 'Packing', cases: /^(.*)$/, unit: 'ms' }],
}
