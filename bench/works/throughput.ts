import { by, goalOf, percent, speedups } from '../goals.ts'
import type { Case } from '../measure.ts'
import { peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const concurrency = 64

function load(requests: number, seats: number, milliseconds: number): Case {
  return {
    name: `${requests.toLocaleString('en-US')} requests, ${seats} at a time of ${milliseconds} ms`,
    work: 'throughput',
    input: { requests, concurrency, seats, milliseconds },
    peers: [peer('pipeline'), peer('bareLoop')],
    flops: { '': 0 },
    items: requests,
  }
}

const journal = (records: number, compact: boolean): Case => ({
  name: `${compact ? 'compact' : 'open'} a journal of ${records.toLocaleString('en-US')}`,
  work: 'journal',
  input: { records, compact },
  peers: [peer('pipeline')],
  flops: { '': 0 },
  items: records,
})

const cases = (quick: boolean): Case[] =>
  quick
    ? [load(512, 16, 80), journal(50_000, false)]
    : [load(2_048, 16, 80), load(2_048, 32, 200), journal(1_000_000, false), journal(1_000_000, true)]

const ours = by('Node', 'ours', 1)
const isBare = by('Node', 'bare loop', 1)

function goals(rows: readonly Row[]): Goal[] {
  return [
    goalOf({
      goal: 'concurrency 64: ≥ 95 % of what a bare load loop reaches',
      values: speedups(rows, ours, isBare),
      atLeast: 0.95,
      format: percent,
    }),
    goalOf({
      goal: 'CPU time beyond that of the bare loop: < 1 ms a request',
      values: rows.filter(ours).flatMap(({ case: name, cpuMilliseconds: own }) => {
        const bare = rows.find((row) => row.case === name && isBare(row))?.cpuMilliseconds
        return own === undefined || bare === undefined ? [] : [{ case: name, value: bare - own }]
      }),
      atLeast: -1,
      format: (value) => `${(-value).toFixed(2)} ms`,
    }),
    goalOf({
      goal: 'a journal of 1,000,000 replies opens in < 10 s',
      values: rows
        .filter((row) => ours(row) && row.case.startsWith('open'))
        .map((row) => ({ case: row.case, value: -(row.milliseconds ?? Number.NaN) })),
      atLeast: -10_000,
      format: (value) => `${(-value / 1000).toFixed(1)} s`,
    }),
  ]
}

export const throughput: Work = {
  name: 'throughput',
  about:
    'Requests to a chat server in another process that works on so many at a time and queues the rest: `selfInstruct` with critique, limits and a journal against a loop that only fetches, both 64 at a time, prompts of 4,000 characters. CPU is that of the client’s whole process.',
  cases,
  limits: { rounds: 3, turnMs: 60, spendMs: 60_000, capMs: 120_000 },
  goals,
  tables: [{ title: 'Throughput', cases: /^(.*)$/, unit: 'ms' }],
}
