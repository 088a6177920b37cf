import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { peersFolder } from './peers/peers-folder.ts'
import { resultsPage } from './results-page.ts'
import { roofline } from './roofline.ts'
import type { Row } from './row.ts'
import type { Work } from './work.ts'

/** One run of one work, as bench/results/<work>.jsonl keeps it: a line of this without its rows, then a line for each row. */
export interface Recorded {
  readonly work: string
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  /** Of the machine, in the minute before it began. */
  readonly load: number
  readonly seconds: number
  /** Parts of bench/setup-peers that had not run. */
  readonly absent: readonly string[]
  readonly rows: readonly Row[]
}

const folder = new URL('results/', import.meta.url)
const page = new URL('RESULTS.md', import.meta.url)
const byHand = '## Missed goals'

/** Records a run, and makes RESULTS.md and its plot anew from all that are recorded; what is written by hand at its end stays. */
export function writeResults(work: Work, works: readonly Work[], run: Pick<Recorded, 'rows' | 'seconds' | 'load' | 'absent'>): void {
  const recorded: Recorded = {
    work: work.name,
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: `${cpus().length} × ${cpus()[0]?.model}`,
    versions: versions(),
    ...run,
  }
  mkdirSync(folder, { recursive: true })
  const { rows, ...head } = recorded
  writeFileSync(new URL(`${work.name}.jsonl`, folder), [head, ...rows.map(rounded)].map((line) => `${JSON.stringify(line)}\n`).join(''))
  const all = works.flatMap(({ name }): Recorded[] => {
    const file = new URL(`${name}.jsonl`, folder)
    if (!existsSync(file)) return []
    const [head, ...rows] = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    return [{ ...head, rows }]
  })
  const before = existsSync(page) ? readFileSync(page, 'utf8') : ''
  const kept = before.includes(byHand) ? before.slice(before.indexOf(byHand)) : `${byHand}\n`
  writeFileSync(page, `${resultsPage(works, all)}\n${kept}`)
  writeFileSync(new URL('roofline.svg', import.meta.url), roofline(all))
}

function rounded(row: Row): Row {
  return JSON.parse(JSON.stringify(row, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value)))
}

/** Of everything that takes part and is installed. */
function versions(): Record<string, string> {
  const packageVersion = (path: string) => {
    const file = new URL(path, `file://${peersFolder}`)
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
  }
  const python = `${peersFolder}python/bin/python`
  const [torch, numpy] = existsSync(python)
    ? execFileSync(python, ['-c', 'import torch, numpy; print(torch.__version__, numpy.__version__)'], { encoding: 'utf8' })
        .trim()
        .split(' ')
    : []
  const found = {
    Node: process.version,
    V8: process.versions.v8,
    tfjs: packageVersion('../../@tensorflow/tfjs/package.json'),
    'tfjs-node': packageVersion('node_modules/@tensorflow/tfjs-node/package.json'),
    PyTorch: torch,
    numpy,
    'onnxruntime-node': packageVersion('onnx/node_modules/onnxruntime-node/package.json'),
    'onnxruntime-web': packageVersion('onnx-web/node_modules/onnxruntime-web/package.json'),
    'node-llama-cpp': packageVersion('llama-cpp/node_modules/node-llama-cpp/package.json'),
    'jax-js': packageVersion('jax-js/node_modules/@jax-js/jax/package.json'),
  }
  return Object.fromEntries(Object.entries(found).filter(([, version]) => version !== undefined))
}
