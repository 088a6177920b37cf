import type { Answer, PeerProcess, Request } from './peer-process.ts'
import { median, type Parts, type Peer } from './row.ts'

/** Something every peer computes. */
export interface Case {
  readonly name: string
  /** Name of the work in the peers; a `first …` work runs in a fresh process every round. */
  readonly work: string
  readonly input: object
  readonly peers: readonly Peer[]
  /** Useful floating-point operations of each part, `''` where there is but one. */
  readonly flops: Parts
  /** Bytes of the inputs and outputs of each part; for the roofline. */
  readonly traffic?: Parts
  /** Documents, tokens, … that are worked through. */
  readonly items?: number
  /** Bytes that have to be read at least; the case is then held against the memory's bandwidth. */
  readonly bytes?: number
  /** The same with less work, and how many times longer this takes: what took too long or too much there is not tried here. */
  readonly smaller?: { readonly name: string; readonly growth: number }
}

export interface Limits {
  readonly rounds: number
  /** One peer's turn in a round. */
  readonly turnMs: number
  /** What a peer may spend on a case before the next turn begins. */
  readonly spendMs: number
  /** What a single run may take. */
  readonly capMs: number
}

export interface Outcome {
  readonly peer: Peer
  /** Medians in ms; empty where `note` says why. Of the machine: `rate`, in 10⁹ a second. */
  readonly parts: Parts
  readonly peakBytes: number | null
  readonly note?: string
}

/**
 * Peers take turns, A B C A B C …, so that whatever the machine does meets all of them; of each the median. All must get the same
 * numbers as the first that has any.
 */
export async function measureCase(
  { work, input, smaller, peers }: Case,
  processOf: (peer: Peer) => PeerProcess,
  { rounds, turnMs, spendMs, capMs }: Limits,
  earlier: ReadonlyMap<string, readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const fresh = work.startsWith('first ')
  const runs = peers.map((peer) => ({
    process: processOf(peer),
    samples: [] as Parts[],
    spent: 0,
    note: undefined as string | undefined,
    peakBytes: undefined as number | null | undefined,
  }))
  // all load before anything is measured: each answers when it has
  if (!fresh) await Promise.all(runs.map(({ process }) => process.ask({ finish: true }, capMs)))
  let expected: readonly number[] | undefined

  const ask = async (run: (typeof runs)[number], request: Request): Promise<Answer> => {
    const began = performance.now()
    const answer = await run.process.ask(request, capMs)
    run.spent += performance.now() - began
    run.note = answer.note
    return answer
  }
  const prepare = async (run: (typeof runs)[number]) => {
    const { check = [], warm, note } = await ask(run, { prepare: work, input })
    if (note !== undefined) return
    if (warm) run.samples.push(warm)
    else run.spent = 0
    const computed = check.slice(0, expected?.length)
    if (expected?.slice(0, check.length).some((value, i) => !(Math.abs(value - computed[i]!) <= 1e-3 * Math.abs(value))))
      run.note = `computes something else: ${computed.join(', ')}, not ${expected.join(', ')}`
    else if (check.length > (expected?.length ?? 0)) expected = check
  }
  const finish = async (run: (typeof runs)[number]) => {
    const { peakBytes = null } = run.note === undefined ? await run.process.ask({ finish: true }, capMs) : {}
    run.peakBytes = peakBytes
  }

  for (const run of runs) {
    const before = smaller && earlier.get(smaller.name)?.find(({ peer }) => peer === run.process.peer)
    const longest = before && Math.max(...Object.values(before.parts))
    if (before?.note) run.note = before.note
    else if (longest !== undefined && run.process.peer.engine !== 'machine' && longest * smaller!.growth > capMs)
      run.note = `> ${capMs / 1000} s`
    else if (!fresh) {
      await prepare(run)
      if (run.spent <= spendMs) continue
      // no further turn will come; its memory is for the next
      await finish(run)
      run.process.stop()
    }
  }
  for (let round = 0; round < rounds; round++)
    for (const run of runs) {
      if (run.note !== undefined || run.spent > spendMs) continue
      if (fresh) {
        run.process.stop()
        await prepare(run)
        run.spent = 0
        if (run.note !== undefined) continue
      }
      const { median } = await ask(run, { sample: fresh ? 0 : turnMs })
      if (median) run.samples.push(median)
    }
  const outcomes: Outcome[] = []
  for (const run of runs) {
    if (run.peakBytes === undefined) await finish(run)
    const { process, samples, note, peakBytes = null } = run
    if (note !== undefined) process.stop() // whatever it was, the next case starts clean
    const failed = note !== undefined && samples.length === 0
    const names = failed ? [] : Object.keys(samples[0]!)
    const parts = Object.fromEntries(names.map((part) => [part, median(samples.map((sample) => sample[part]!))]))
    outcomes.push({ peer: process.peer, parts, peakBytes, ...(failed || note?.startsWith('computes') ? { note: note! } : {}) })
  }
  return outcomes
}
