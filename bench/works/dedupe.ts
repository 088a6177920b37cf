import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { by, goalOf, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { type PeerId, peer } from '../peers.ts'
import { questionsLikeModels } from '../questions.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const threshold = 0.7
const folder = fileURLToPath(new URL('../../node_modules/.cache/bench/', import.meta.url))

function questions(count: number, ...peers: readonly PeerId[]): Case {
  const path = `${folder}questions-${count}.json`
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, JSON.stringify(questionsLikeModels(count)))
  return {
    name: `${count.toLocaleString('en-US')} questions`,
    work: 'dedupe',
    input: { path, threshold },
    peers: peers.map((id) => peer(id)),
    flops: { '': 0 },
    items: count,
  }
}

function cases(quick: boolean): Case[] {
  const compared = questions(1_000, 'dedupe', 'bruteForce', 'rougeScore')
  return quick ? [compared] : [compared, questions(5_000, 'dedupe', 'bruteForce'), questions(100_000, 'dedupe')]
}

const ours = by('Node', 'ours', 1)
const isMany = (row: Row) => ours(row) && row.case.startsWith('100,000')

function goals(rows: readonly Row[]): Goal[] {
  const of = (row: Row, value: number | null) => ({ case: row.case, value: -(value ?? Number.NaN) })
  return [
    goalOf({
      goal: '100,000 questions: < 5 minutes',
      values: rows.filter(isMany).map((row) => of(row, row.milliseconds)),
      atLeast: -300_000,
      format: (value) => `${(-value / 1000).toFixed(1)} s`,
    }),
    goalOf({
      goal: '100,000 questions: < 1 GB',
      values: rows.filter(isMany).map((row) => of(row, row.peakBytes)),
      atLeast: -1e9,
      format: (value) => `${(-value / 1e6).toFixed(0)} MB`,
    }),
    goalOf({
      goal: 'the same decisions as brute force on 5,000, sooner than it (a peer that decides otherwise has no time)',
      values: speedups(rows, ours, by('Node', 'brute force', 1)).filter(({ case: name }) => name.startsWith('5,000')),
      atLeast: 1,
      format: times,
    }),
  ]
}

export const dedupe: Work = {
  name: 'dedupe',
  about:
    'Which questions are near-duplicates (ROUGE-L above 0.7) of an earlier one that was kept. The questions: openings that chat models like, and words of the texts of the recipe; one of eight varies an earlier one. Every peer has to leave out the same ones. rouge-score: as Alpaca uses it, every question against all, words cut once. Memory of ours is what comes on top of Node and its loader.',
  cases,
  limits: { rounds: 3, turnMs: 60, spendMs: 30_000, capMs: 300_000 },
  goals,
  tables: [{ title: 'Near-duplicates', cases: /^(.*)$/, unit: 'ms' }],
}
