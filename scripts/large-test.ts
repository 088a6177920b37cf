/**
 * `pnpm large-test --gigabytes 10 --kills 5`: a JSONL of real text, repeated and perturbed, becomes token shards once in one go and once with
 * kills (SIGKILL) on the way. Prints what it took, the most memory, and how many shards differ.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openShards } from 'seq-packer/node'
import { makeTokenizer, textsLikePeople, tokenizerPath } from '../bench/texts.ts'
import { node } from '../packages/seq-packer/test/command-line.ts'

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: { gigabytes: { type: 'string', default: '10' }, kills: { type: 'string', default: '5' } },
})
const folder = mkdtempSync(join(tmpdir(), 'large-'))
const seconds = (since: number) => (performance.now() - since) / 1000
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`

let began = performance.now()
await makeTokenizer()
const texts = textsLikePeople(1000 * Number(values.gigabytes))
const { size } = statSync(texts)
console.log(`${(size / 1e9).toFixed(2)} GB of JSONL written in ${seconds(began).toFixed(0)} s`)

const tokens = (out: string) => join(folder, out)
const shardsOf = (out: string): unknown[] => {
  const manifest = join(tokens(out), 'manifest.json')
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).shards : []
}

/** Runs the command line until it ends, or is killed after `killAfter` ms; gives the most memory it held. */
async function tokenize(out: string, killAfter?: number): Promise<{ ended: boolean; bytes: number }> {
  const child = spawn(process.execPath, [...node, 'tokenize', texts, '--tokenizer', tokenizerPath, '--out', tokens(out)], {
    stdio: 'ignore',
  })
  let bytes = 0
  const look = setInterval(() => {
    const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : ''
    bytes = Math.max(bytes, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0))
  }, 500)
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  const code = await new Promise((resolve) => child.once('exit', resolve))
  clearInterval(look)
  clearTimeout(timer)
  if (code !== null && code !== 0) throw new Error(`seq-packer tokenize ended with code ${code}`)
  return { ended: code === 0, bytes }
}

began = performance.now()
const straight = await tokenize('straight')
const took = seconds(began)
const rate = size / 1e6 / took
console.log(`in one go: ${took.toFixed(0)} s, ${rate.toFixed(1)} MB/s, ${mebibytes(straight.bytes)} of memory`)

let [kills, most] = [0, straight.bytes]
for (;;) {
  // somewhere in the share of the run that comes before the next kill
  const share = (1000 * took) / (Number(values.kills) + 1)
  const { ended, bytes } = await tokenize('killed', kills < Number(values.kills) ? share * (0.5 + Math.random()) : undefined)
  most = Math.max(most, bytes)
  if (ended) break
  console.log(`kill ${++kills}: ${shardsOf('killed').length} shards are kept`)
}
const [expected, got] = [shardsOf('straight'), shardsOf('killed')]
const different = expected.filter((shard, i) => JSON.stringify(shard) !== JSON.stringify(got[i])).length
const reader = openShards(tokens('killed'))
let count = 0
for (const document of reader.documents()) count += document.tokens.length // checks every byte against the index
reader.close()
console.log(
  `${count.toLocaleString('en-US')} tokens in ${got.length} shards; ${kills} kills, ${different} shards differ, at most ${mebibytes(most)}`,
)
if (different > 0 || got.length !== expected.length || count !== reader.numTokens || most > 1e9) process.exitCode = 1
rmSync(folder, { recursive: true })
rmSync(texts)
