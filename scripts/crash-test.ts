/**
 * `pnpm crash-test [--kills 20] [--seed 1]`: trains once without interruption and once killed by -9 at random moments, saving included, and
 * resumed each time; compares every step's loss and the final weights to the last bit. Three kinds of run take turns: plain, with accumulation in the
 * background, and a mix of two sources whose row length switches midway. Prints `20 kills, 0 differences`; exit code 1 otherwise.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
})
const [wanted, seed] = [Number(values.kills), Number(values.seed)]
if (!(Number.isSafeInteger(wanted) && wanted > 0))
  throw new RangeError(`crash-test: --kills is ${values.kills}; it must be a whole number ≥ 1.`)

const script = fileURLToPath(new URL('../packages/trainer/test/crash-child.ts', import.meta.url))
const kinds = ['plain', 'accumulation', 'curriculum']
const folder = mkdtempSync(join(tmpdir(), 'crash-test-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

let state = seed >>> 0
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}

/** Runs until it ends by itself (true) or is killed after `milliseconds` of training. */
async function attempt(dir: string, kind: string, milliseconds = Number.POSITIVE_INFINITY): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@repo/source', script, dir, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  child.stdout.once('data', () => {
    if (Number.isFinite(milliseconds)) setTimeout(() => child.kill('SIGKILL'), milliseconds)
  })
  child.stdout.resume()
  const [code, signal] = await ended
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`crash-test: the run in ${dir} ended with ${code ?? signal}`)
  return signal === null
}

interface Left {
  readonly lines: readonly string[]
  readonly weights: string
}
function leftBy(dir: string): Left {
  const lines = readFileSync(join(dir, 'metrics.jsonl'), 'utf8').trim().split('\n')
  const last = readdirSync(join(dir, 'checkpoints')).sort().at(-1)!
  const weights = createHash('sha256')
    .update(readFileSync(join(dir, 'checkpoints', last, 'model.safetensors')))
    .digest('hex')
  return { lines: lines.map((line) => line.replace(/"milliseconds":[^,}]+,?/, '')), weights }
}

const straight = new Map<string, { left: Left; milliseconds: number }>()
let [kills, differences, inSave] = [0, 0, 0]
for (let round = 0; kills < wanted; round++) {
  const kind = kinds[round % kinds.length]!
  if (!straight.has(kind)) {
    const began = performance.now()
    await attempt(join(folder, kind), kind)
    straight.set(kind, { left: leftBy(join(folder, kind)), milliseconds: performance.now() - began })
  }
  const { left, milliseconds } = straight.get(kind)!
  const dir = join(folder, `${kind}-${round}`)
  for (let done = false; !done; ) {
    done = await attempt(dir, kind, kills < wanted ? random() * 0.5 * milliseconds : undefined)
    if (done) break
    kills++
    const checkpoints = join(dir, 'checkpoints')
    if (existsSync(checkpoints) && readdirSync(checkpoints).some((name) => /\.(tmp|old)$/.test(name))) inSave++
    process.stdout.write(`${kind}: killed ${kills} of ${wanted}\n`)
  }
  const found = leftBy(dir)
  const different = left.lines.filter((line, i) => line !== found.lines[i]).length + Math.abs(found.lines.length - left.lines.length)
  if (different > 0 || found.weights !== left.weights)
    process.stdout.write(`${kind}: ${different} steps differ, final weights ${found.weights === left.weights ? 'equal' : 'differ'}\n`)
  differences += different + (found.weights === left.weights ? 0 : 1)
}
console.log(`${inSave} of the kills fell into a save`)
console.log(`${kills} kills, ${differences} differences`)
process.exitCode = differences > 0 ? 1 : 0
