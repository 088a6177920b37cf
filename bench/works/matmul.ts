import { by, firstCall, fractions, goalOf, percent, speedups, times } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

type Form = 'NN' | 'NT' | 'TN' | 'TT'
const forms: readonly Form[] = ['NN', 'NT', 'TN', 'TT']
const contestants = [...both('fma', 'ours'), peer('stock')]
const elsewhere = both('nodeNaive', 'torchSdpa', 'numpy', 'onnx')

interface Product {
  readonly form: Form
  readonly size: readonly [M: number, N: number, K: number]
  /** Dimensions before the matrix, of both or of each. */
  readonly batch?: readonly number[]
  readonly batchB?: readonly number[]
}

function caseOf({ form, size: [M, N, K], batch = [], batchB = batch }: Product, peers = [...contestants, ...elsewhere]): Case {
  const [transposeA, transposeB] = [form[0] === 'T', form[1] === 'T']
  const sizes = batch.length + batchB.length === 0 ? '' : `[${batch}]·[${batchB}] of `
  const [countA, countB] = [batch, batchB].map((dims) => dims.reduce((product, size) => product * size, 1)) as [number, number]
  const count = Math.max(countA, countB)
  return {
    name: `${form} ${sizes}${M}×${N}×${K}`,
    work: 'matmul',
    input: { a: [...batch, ...(transposeA ? [K, M] : [M, K])], b: [...batchB, ...(transposeB ? [N, K] : [K, N])], transposeA, transposeB },
    peers,
    flops: { '': 2 * count * M * N * K },
    traffic: { '': 4 * (countA * M * K + countB * K * N + count * M * N) },
  }
}

const square = (n: number) => forms.map((form) => caseOf({ form, size: [n, n, n] }))
const small: readonly Product['size'][] = [
  [1, 1, 1],
  [4, 4, 4],
  [7, 13, 5],
  [16, 16, 16],
  [32, 32, 32],
  [1, 256, 256],
  [256, 1, 256],
  [3, 1024, 1024],
  [1, 1, 4096],
  [1024, 1024, 1],
  [2048, 8, 64],
  [1, 32000, 256],
]

function cases(quick: boolean): Case[] {
  const first: Case = {
    ...caseOf({ form: 'NT', size: [128, 128, 128] }, quick ? [peer('ours')] : [...both('ours'), peer('stock')]),
    name: 'first call, NT 128×128×128',
    work: 'first matmul',
    flops: { '': 0 },
  }
  if (quick) return [...square(256), caseOf({ form: 'NN', size: [16, 16, 16] }), first]
  return [
    ...[64, 128, 256, 512, 1024].flatMap(square),
    ...(['NN', 'NT', 'TN'] as const).map((form) => caseOf({ form, size: [512, 32000, 256] })),
    ...forms.map((form) => caseOf({ form, size: [512, 512, 64], batch: [8] })),
    ...forms.map((form) => caseOf({ form, size: [256, 256, 256], batch: [2, 4] })),
    caseOf({ form: 'NN', size: [256, 256, 256], batch: [8], batchB: [] }, contestants),
    caseOf({ form: 'NT', size: [256, 256, 256], batch: [2, 4], batchB: [1, 4] }, contestants),
    ...small.flatMap((size) => (['NN', 'NT', 'TN'] as const).map((form) => caseOf({ form, size }, contestants))),
    { ...caseOf({ form: 'NN', size: [1024, 1024, 1024] }, [peer('fma'), peer('ours'), peer('jaxJs')]), name: 'NN 1024×1024×1024, jax-js' },
    first,
  ]
}

function goals(rows: readonly Row[]): Goal[] {
  const large = rows.filter(({ case: name }) => Math.min(...(/(\d+)×(\d+)×(\d+)$/.exec(name)?.slice(1).map(Number) ?? [0])) >= 256)
  const half = rows.filter((row) => /^\w\w (512×512×512|1024×1024×1024)$/.test(row.case))
  const ours = by('wasm', 'ours', 1)
  return [
    goalOf({
      goal: 'every form, ranks 2 to 4, from 256³, 1 thread: ≥ 82 % of the 128-bit peak',
      values: fractions(large.filter(ours)),
      atLeast: 0.82,
      format: percent,
    }),
    // a product of some microseconds is timed no better than this
    goalOf({
      goal: 'never slower than stock tfjs-wasm (0.95 × passes for noise)',
      values: speedups(rows, ours, by('wasm', 'stock', 1)),
      atLeast: 0.95,
      format: times,
    }),
    goalOf({
      goal: '2 threads against 1, from 512³: ≥ 1.85 ×',
      values: speedups(half, by('wasm', 'ours', 2), ours),
      atLeast: 1.85,
      format: times,
    }),
    firstCall(rows),
  ]
}

export const matmul: Work = {
  name: 'matmul',
  about:
    'Matrix products by `tf.matMul`, `M×N×K`, float32; N and T say which operand is transposed. Outside tfjs: `torch.matmul`, `numpy.matmul`, onnxruntime’s FusedMatMul.',
  cases,
  limits: { rounds: 5, turnMs: 60, spendMs: 3_000, capMs: 30_000 },
  goals,
  tables: [
    ...forms.map((form) => ({ title: `${form}`, cases: new RegExp(`^${form} (\\d{2,}×\\d{2,}×\\d{2,})$`), unit: 'GFLOP/s' }) as const),
    { title: 'Ranks 3 and 4', cases: /^(\w\w \[.*)$/, unit: 'GFLOP/s' },
    { title: 'Small and thin', cases: /^(\w\w (?:\d×.*|\d+×\d×.*|\d+×\d+×\d))$/, unit: 'ms' },
    { title: 'First call in a process, kernels registered by it', cases: /^(first call.*)$/, unit: 'ms' },
  ],
}
