/**
 * `pnpm bench [attention] [matmul] [step] [decode] [generate] [kernels] [fit] [packing] [tokenize] [stream] [dedupe] [throughput] [train] [memory] [checkpoint] [load] [lora] [--json] [--quick] [--write] [--only TEXT]`: the works named, or all, in that order.
 * --json prints one row a line; --quick takes a few small cases, less than a minute a work; --only takes the cases whose name contains
 * TEXT; --write puts everything into bench/results and bench/RESULTS.md. Peers: bench/setup-peers.
 */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { type Case, measureCase, type Outcome } from './measure.ts'
import { type PeerProcess, peerProcess } from './peer-process.ts'
import { missing } from './peers.ts'
import { median, type Peer, type Row } from './row.ts'
import { rowsOf } from './rows.ts'
import { caseTable } from './table.ts'
import type { Work } from './work.ts'
import { attention } from './works/attention.ts'
import { checkpoint } from './works/checkpoint.ts'
import { decode } from './works/decode.ts'
import { dedupe } from './works/dedupe.ts'
import { fit } from './works/fit.ts'
import { generate } from './works/generate.ts'
import { kernels } from './works/kernels.ts'
import { load } from './works/load.ts'
import { lora } from './works/lora.ts'
import { matmul } from './works/matmul.ts'
import { memory } from './works/memory.ts'
import { packing } from './works/packing.ts'
import { step } from './works/step.ts'
import { stream } from './works/stream.ts'
import { throughput } from './works/throughput.ts'
import { tokenize } from './works/tokenize.ts'
import { train } from './works/train.ts'
import { writeResults } from './write-results.ts'

const works: readonly Work[] = [
  attention,
  matmul,
  step,
  decode,
  generate,
  kernels,
  fit,
  packing,
  tokenize,
  stream,
  dedupe,
  throughput,
  train,
  memory,
  checkpoint,
  load,
  lora,
]
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, write: { type: 'boolean' }, only: { type: 'string' } },
})
const unknown = positionals.filter((word) => !works.some(({ name }) => name === word))
if (unknown.length > 0)
  throw new RangeError(`bench: '${unknown.join("', '")}' does not exist; choose from ${works.map(({ name }) => name).join(', ')}.`)
if (options.write && (options.quick || options.only))
  throw new RangeError('bench: --write needs a whole run; leave out --quick and --only.')

for (const work of works) if (positionals.length === 0 || positionals.includes(work.name)) await run(work)

async function run(work: Work): Promise<void> {
  const load = loadavg()[0]!
  const began = performance.now()
  const limits = options.quick ? { ...work.limits, rounds: 2, turnMs: Math.min(60, work.limits.turnMs), spendMs: 1000 } : work.limits
  const processes = new Map<Peer, PeerProcess>()
  const processOf = (peer: Peer) => {
    const process = processes.get(peer) ?? peerProcess(peer)
    processes.set(peer, process)
    return process
  }
  const absent = new Set<string>()
  const present = (peer: Peer) => {
    const part = missing(peer)
    if (part) absent.add(part)
    return part === undefined
  }
  const outcomes = new Map<string, readonly Outcome[]>()
  const rows: Row[] = []
  try {
    for (const entry of work.cases(options.quick ?? false)) {
      if (!entry.name.includes(options.only ?? '')) continue
      const kase: Case = { ...entry, peers: entry.peers.filter(present) }
      if (outcomes.size === 0 && absent.size > 0)
        console.error(`not installed: ${[...absent].join(', ')}; see bench/setup-peers and bench/setup-models`)
      const measured = await measureCase(kase, processOf, limits, outcomes)
      outcomes.set(kase.name, measured)
      const own = rowsOf(kase, measured)
      rows.push(...own)
      print(own)
    }
  } finally {
    for (const process of processes.values()) process.stop()
  }
  const machine = machineRows([...outcomes.values()].flat())
  rows.push(...machine)
  print(machine)
  const seconds = Math.round((performance.now() - began) / 1000)
  if (!options.json) console.log(`${work.name}: ${seconds} s, load ${load.toFixed(1)} before\n`)
  if (options.write) writeResults(work, works, { rows, seconds, load, absent: [...absent] })
}

/** What the machine reached over all cases. */
function machineRows(outcomes: readonly Outcome[]): Row[] {
  const peers = [...new Set(outcomes.map(({ peer }) => peer))].filter(({ engine }) => engine === 'machine')
  return peers.map(({ engine, peer, threads }) => {
    const rates = outcomes.filter(({ peer: other }) => other.engine === engine && other.peer === peer && other.threads === threads)
    const rate = median(rates.flatMap(({ parts }) => parts.rate ?? []))
    const isCompute = peer.includes('fma')
    const nothing = { milliseconds: null, fractionOfPeak: null, ratio: null, peakBytes: null }
    return {
      case: 'peak',
      engine,
      peer,
      threads,
      ...nothing,
      gflops: isCompute ? rate : null,
      ...(isCompute ? {} : { gigabytesPerSecond: rate }),
    }
  })
}

function print(rows: readonly Row[]): void {
  if (options.json) for (const row of rows) console.log(JSON.stringify(row))
  else for (const name of new Set(rows.map((row) => row.case))) console.log(`${caseTable(rows.filter((row) => row.case === name))}\n`)
}
