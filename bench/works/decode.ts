import { by, fractions, goalOf, percent } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Work } from '../work.ts'

const [H, D] = [8, 64]
const peers = [...both('copy', 'read', 'ours'), peer('oursComposed'), peer('stock'), ...both('nodeOurs', 'nodeNaive', 'torchSdpa')]

const cases = (quick: boolean): Case[] =>
  [2, 8].flatMap((K) =>
    (quick ? [2048] : [1024, 2048, 4096, 8192, 16384, 32768]).map((S) => ({
      name: `S ${S} K ${K}`,
      work: 'decode',
      input: { S, H, K, D },
      peers,
      flops: { '': 4 * H * S * D },
      traffic: { '': 4 * 2 * S * K * D },
      bytes: 4 * 2 * S * K * D,
    })),
  )

export const decode: Work = {
  name: 'decode',
  about: `One query against a cache of S keys, H ${H}, D ${D}, float32. The fraction is of what a copy moves in the same rounds, reads and writes counted, on as many threads. A cache that fits the processor's (K 2: up to 32 MiB here) may exceed it.`,
  cases,
  limits: { rounds: 7, turnMs: 120, spendMs: 2_000, capMs: 20_000 },
  goals: (rows) =>
    [1, 2].map((threads) =>
      goalOf({
        goal: `cache of 32,768 keys, ${threads} thread(s): ≥ 70 % of memory bandwidth`,
        values: fractions(rows.filter((row) => row.case.startsWith('S 32768') && by('wasm', 'ours', threads)(row))),
        atLeast: 0.7,
        format: percent,
      }),
    ),
  tables: [2, 8].flatMap((K) =>
    (['ms', 'GB/s'] as const).map((unit) => ({ title: `K ${K}`, cases: new RegExp(`^(S \\d+) K ${K}$`), unit })),
  ),
}
