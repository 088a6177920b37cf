import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { by, goalOf, percent, speedups } from '../goals.ts'
import type { Case } from '../measure.ts'
import { peer } from '../peers.ts'
import type { Row } from '../row.ts'
import type { Goal, Work } from '../work.ts'

const folder = fileURLToPath(new URL('../../node_modules/.cache/bench/', import.meta.url))
const parameters = 134_515_008 // of SmolLM2-135M
const spare = 64e6

/** A model of random weights, saved once. */
function model(name: string, form: 'float32' | 'float16' | 'gguf'): Case {
  const place = `${folder}load-${form}${form === 'gguf' ? '.gguf' : ''}`
  const file = form === 'gguf' ? place : `${place}/model.safetensors`
  if (!existsSync(file)) {
    const script = fileURLToPath(new URL('../peers/save-model.ts', import.meta.url))
    execFileSync(process.execPath, [...process.execArgv, script, place, form], { stdio: 'inherit' })
  }
  return {
    name,
    work: 'load',
    input: { place, file },
    peers: [peer('loader'), peer('reader')],
    flops: { '': 0 },
    bytes: parameters * { float32: 4, float16: 2, gguf: 34 / 32 }[form],
    items: parameters,
  }
}

const cases = (quick: boolean): Case[] => [
  model('135M F32', 'float32'),
  ...(quick ? [] : [model('135M F16', 'float16'), model('135M GGUF Q8_0', 'gguf')]),
]

const ours = by('wasm', 'ours', 1)
const isFloat32 = (row: Row) => row.case === '135M F32'

function goals(rows: readonly Row[]): Goal[] {
  const float32 = rows.filter(isFloat32)
  return [
    goalOf({
      goal: '135M F32 safetensors: ≥ 70 % of the rate at which its bytes can be read from the disk cache',
      values: speedups(float32, ours, by('Node', 'read', 1)),
      atLeast: 0.7,
      format: percent,
    }),
    goalOf({
      goal: '135M F32 safetensors: peak memory ≤ the model + 64 MB',
      values: float32.filter(ours).map((row) => ({ case: row.case, value: 4 * parameters - (row.peakBytes ?? Number.NaN) })),
      atLeast: -spare,
      format: (value) => `the model + ${(-value / 1e6).toFixed(0)} MB`,
    }),
  ]
}

export const load: Work = {
  name: 'load',
  about:
    'loadPretrained of a model in the sizes of SmolLM2-135M onto tfjs-wasm, its files in the disk cache; peak memory is what the process (RSS) gained since before. The peer reads the same file into a buffer of 1 MiB, again and again the same. GB/s are of the file.',
  cases,
  limits: { rounds: 5, turnMs: 500, spendMs: 10_000, capMs: 60_000 },
  goals,
  tables: (['ms', 'GB/s', 'MiB'] as const).map((unit) => ({ title: 'Loading', cases: /^(135M .+)$/, unit })),
}
