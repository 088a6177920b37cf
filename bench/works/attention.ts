import { by, firstCall, fractions, goalOf, percent, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const H = 8

/** Peers whose memory grows with T², or that are too slow to say much, stop earlier. */
const peersAt = (T: number) => [
  ...both('fma', 'ours'),
  ...(T === 512 ? [peer('native')] : []), // for the roofline
  ...both('nodeOurs', 'torchSdpa'),
  ...(T <= 8192 ? both('onnx') : []),
  ...(T <= 4096 ? [peer('oursPlain'), peer('stock'), peer('bestWritten'), ...both('nodeNaive', 'torchNaive')] : []),
  ...(T <= 2048 ? [peer('jaxJs')] : []),
]

/** Causal: a query sees half of the keys, so `2·H·T²·D` forward, and two and a half times as much backward. */
const flopsOf = (T: number, D: number, heads = H) => {
  const forward = 2 * heads * T * T * D
  return { forward, backward: 2.5 * forward, 'forward + backward': 3.5 * forward }
}

const trafficOf = (T: number, D: number) => {
  const tensor = 4 * H * T * D
  return { forward: 4 * tensor, backward: 8 * tensor, 'forward + backward': 8 * tensor }
}

function cases(quick: boolean): Case[] {
  const lengths = quick ? [512] : [512, 1024, 2048, 4096, 8192, 16384]
  const grid = (quick ? [64] : [64, 128]).flatMap((D) =>
    lengths.map((T, i): Case => {
      const smaller = i === 0 ? {} : { smaller: { name: `T ${T / 2} D ${D}`, growth: 4 } }
      return {
        name: `T ${T} D ${D}`,
        work: 'attention',
        input: { T, H, D },
        peers: peersAt(T),
        flops: flopsOf(T, D),
        traffic: trafficOf(T, D),
        ...smaller,
      }
    }),
  )
  const single = (name: string, T: number, peers: Case['peers'], work = 'attention'): Case => ({
    name,
    work,
    peers,
    input: { T, H, D: 64 },
    flops: work === 'attention' ? flopsOf(T, 64) : { '': 0 },
  })
  // two heads: a software adapter takes a minute for eight
  const webgpu = (T: number): Case => {
    const base = single(`T ${T} H 2 D 64, WebGPU`, T, [peer('webgpuOurs'), peer('webgpuNaive')])
    return { ...base, input: { T, H: 2, D: 64 }, flops: flopsOf(T, 64, 2) }
  }
  const callers = quick ? [peer('ours')] : [...both('ours'), peer('stock'), peer('nodeOurs')]
  const first = single('first call, T 128 D 64', 128, callers, 'first attention')
  if (quick) return [...grid, first]
  return [...grid, single('T 32768 D 64', 32768, [peer('fma', 2), peer('ours', 2)]), webgpu(1024), webgpu(2048), first]
}

function goals(rows: readonly Row[]): Goal[] {
  const of = (part: string, cases = /T \d+ D \d+$/) => rows.filter((row) => row.case.startsWith(`${part} T`) && cases.test(row.case))
  const [forward, backward, both] = [of('forward'), of('backward'), of('forward + backward')]
  const ours = by('wasm', 'ours', 1)
  const faster = (goal: string, rows: readonly Row[], theirs: ReturnType<typeof by>, atLeast: number, own = ours): Goal =>
    goalOf({ goal, values: speedups(rows, own, theirs), atLeast, format: times })
  const peak = (goal: string, rows: readonly Row[], atLeast: number): Goal =>
    goalOf({ goal, values: fractions(rows.filter(ours)), atLeast, format: percent })
  const longest = rows.find((row) => row.case === 'forward + backward T 32768 D 64')
  const allTensors = 4 * H * 32768 * (8 * 64 + 1) // query, key, value, dOut, out and three gradients; log-sum-exp
  const long = of('forward + backward', /T (1024|2048|4096|8192) D/)
  return [
    peak('forward on wasm, 1 thread: ≥ 75 % of the 128-bit peak', forward, 0.75),
    peak('backward: ≥ 72 %', backward, 0.72),
    faster('forward + backward against stock tfjs-wasm, T 2,048: ≥ 35 ×', of('forward + backward', /T 2048 D/), by('wasm', 'stock', 1), 35),
    faster('… against PyTorch naive, 1 thread: ≥ 3 ×', both, by('PyTorch', 'naive', 1), 3),
    faster('… against PyTorch SDPA, 1 thread: ≥ 0.85 ×', both, by('PyTorch', 'SDPA', 1), 0.85),
    faster('native op against SDPA, T 1,024 to 8,192, 1 thread: ≥ 1.2 ×', long, by('PyTorch', 'SDPA', 1), 1.2, by('tfjs-node', 'ours', 1)),
    faster('… 2 threads: ≥ 1.2 ×', long, by('PyTorch', 'SDPA', 2), 1.2, by('tfjs-node', 'ours', 2)),
    faster(
      '2 threads against 1 on wasm, from T 1,024: ≥ 1.85 ×',
      of('forward + backward', /T (?!512)\d+ D/),
      ours,
      1.85,
      by('wasm', 'ours', 2),
    ),
    goalOf({
      goal: 'heap at T 32,768: inputs and outputs + 10 %',
      values: longest?.peakBytes
        ? [{ case: `${(longest.peakBytes / 2 ** 20).toFixed(0)} MiB`, value: 1 - longest.peakBytes / allTensors }]
        : [],
      atLeast: -0.1,
      format: (value) => `${value < 0 ? '+' : '−'} ${percent(Math.abs(value))}`,
    }),
    faster(
      'WebGPU against naive on the same adapter, T 2,048: > 1 ×',
      of('forward + backward', /WebGPU/).filter((row) => row.case.includes('2048')),
      by('webgpu', 'naive', 1),
      1,
      by('webgpu', 'ours', 1),
    ),
    firstCall(rows),
  ]
}

const rowsOfPart = (part: string, D: number) => new RegExp(`^${part.replace('+', '\\+')} (T \\d+) D ${D}$`)

export const attention: Work = {
  name: 'attention',
  about: `Causal attention, B 1, H ${H}, float32. GFLOP/s count the visible half: \`2·H·T²·D\` forward, 2.5 times as many backward. Naive forms stop at T 4,096, jax-js at 2,048, onnxruntime has no backward pass. Memory of a forward and backward pass: of the wasm heap, inputs included, for wasm; of the whole process for all others.`,
  cases,
  limits: { rounds: 5, turnMs: 300, spendMs: 5_000, capMs: 75_000 },
  goals,
  tables: [
    ...[64, 128].flatMap((D) =>
      ['forward', 'backward', 'forward + backward'].map(
        (part) => ({ title: `D ${D}, ${part}`, cases: rowsOfPart(part, D), unit: 'GFLOP/s' }) as const,
      ),
    ),
    { title: 'D 64, forward + backward, most memory', cases: rowsOfPart('forward + backward', 64), unit: 'MiB' },
    { title: 'WebGPU on a software adapter, forward + backward', cases: /^forward \+ backward (T \d+ H 2) D 64, WebGPU$/, unit: 'ms' },
    { title: 'First call in a process, kernels registered by it', cases: /^(first call.*)$/, unit: 'ms' },
  ],
}
