import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { by, goalOf, percent, speedups } from '../goals.ts'
import type { Case } from '../measure.ts'
import { both, peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const folder = fileURLToPath(new URL('../../node_modules/.cache/bench/', import.meta.url))
const parameters = 134_515_008 // of SmolLM2-135M
const spare = 64e6

/** A model of random weights, saved once. */
function model(name: string, form: 'float32' | 'float16' | 'gguf', work = 'load'): Case {
  const place = `${folder}load-${form}${form === 'gguf' ? '.gguf' : ''}`
  const file = form === 'gguf' ? place : `${place}/model.safetensors`
  if (!existsSync(file)) {
    const script = fileURLToPath(new URL('../peers/save-model.ts', import.meta.url))
    execFileSync(process.execPath, [...process.execArgv, script, place, form], { stdio: 'inherit' })
  }
  return {
    name,
    work,
    input: { place, file },
    peers: [...both('loader'), ...(work === 'load' ? [peer('reader')] : []), peer('wholeReader')],
    flops: { '': 0 },
    bytes: parameters * { float32: 4, float16: 2, gguf: 34 / 32 }[form],
    items: parameters,
  }
}

const cases = (quick: boolean): Case[] => [
  model('135M F32', 'float32'),
  ...(quick
    ? []
    : [model('135M F16', 'float16'), model('135M GGUF Q8_0', 'gguf'), model('135M F32, first of a process', 'float32', 'first load')]),
]

const isOurs = ({ engine, peer }: Row) => engine === 'wasm' && peer === 'ours'
const isFloat32 = (row: Row) => row.case === '135M F32'

function goals(rows: readonly Row[]): Goal[] {
  const float32 = rows.filter(isFloat32)
  return [
    ...([2, 1] as const).map((threads) =>
      goalOf({
        goal: `135M F32 safetensors, ${threads === 2 ? 'heap that threads share' : 'heap of one thread'}: ≥ 70 % of the rate at which its bytes can be read from the disk cache`,
        values: speedups(float32, by('wasm', 'ours', threads), by('Node', 'read', 1)),
        atLeast: 0.7,
        format: percent,
      }),
    ),
    goalOf({
      goal: '135M F32 safetensors: peak memory ≤ the model + 64 MB',
      values: float32.filter(isOurs).map((row) => ({ case: row.case, value: 4 * parameters - (row.peakBytes ?? Number.NaN) })),
      atLeast: -spare,
      format: (value) => `the model + ${(-value / 1e6).toFixed(0)} MB`,
    }),
  ]
}

export const load: Work = {
  name: 'load',
  about:
    'loadPretrained of a model in the sizes of SmolLM2-135M onto tfjs-wasm, its files in the disk cache; peak memory is what the process (RSS) gained since before. Peers read the same file: into the same 256 KiB again and again, which never leave the cache of the processor, and whole into new memory, whose pages the system has yet to hand out. On 2 threads, several tensors are read at a time, into a heap that threads share. A heap of wasm keeps its pages, so that only the first load of a process pays for them. GB/s are of the file.',
  cases,
  limits: { rounds: 5, turnMs: 500, spendMs: 10_000, capMs: 60_000 },
  goals,
  tables: (['ms', 'GB/s', 'MiB'] as const).map((unit) => ({ title: 'Loading', cases: /^(135M .+)$/, unit })),
}
