/**
 * `pnpm fault-test`: 1,000 requests to a server of which 30 % go wrong, by a client that is killed (SIGKILL) 20 times. Lost: outcomes that are
 * missing or other than without faults. Doubled: requests made again although the journal held their reply.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scriptedServer } from './server.ts'

const client = fileURLToPath(new URL('client.ts', import.meta.url))
/** Names of the requests whose replies stand in whole lines of the journal. */
function held(folder: string): string[] {
  const path = join(folder, 'journal.jsonl')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(1, -1) : []
  return lines.map((line) => /[\da-f]{16}(?= <verdict>|<\/answer>)/.exec(JSON.parse(line).reply)![0])
}

async function run(share: number, kills: number) {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  const server = await scriptedServer(share)
  let [killed, doubled] = [0, 0]
  while (!existsSync(join(folder, 'outcomes.json'))) {
    const before = held(folder).map((name) => [name, server.asked.get(name)] as const)
    const child = spawn(process.execPath, [...process.execArgv, client, server.baseURL, folder], { stdio: 'inherit' })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const target = before.length + Math.floor((1000 / (kills + 1)) * (0.5 + 0.5 * Math.random())) // somewhere on the way to the next
    const watch = setInterval(() => {
      if (killed < kills && held(folder).length >= target && child.exitCode === null) {
        clearInterval(watch)
        killed++
        child.kill('SIGKILL')
      }
    }, 3)
    const code = await ended
    clearInterval(watch)
    if (code !== null && code !== 0) throw new Error(`the client ended by itself with code ${code}`)
    doubled += before.filter(([name, times]) => server.asked.get(name) !== times).length
  }
  const names = held(folder)
  const outcomes: object[] = JSON.parse(readFileSync(join(folder, 'outcomes.json'), 'utf8'))
  server.close()
  rmSync(folder, { recursive: true })
  return {
    requests: server.asked.size,
    faults: server.faults(),
    killed,
    doubled: doubled + names.length - new Set(names).size,
    outcomes: outcomes.map((outcome) => JSON.stringify(outcome)),
  }
}

const clean = await run(0, 0)
const faulty = await run(0.3, 20)
const got = new Set(faulty.outcomes)
const lost = clean.outcomes.filter((outcome) => !got.has(outcome)).length
const extra = faulty.outcomes.length - clean.outcomes.length
console.log(`${faulty.requests} requests, ${faulty.faults} faults, ${lost} lost, ${faulty.doubled + Math.max(0, extra)} doubled`)
console.log(`${faulty.killed} kills; the same ${clean.outcomes.length} outcomes as without faults: ${lost === 0 && extra === 0}`)
if (lost > 0 || faulty.doubled > 0 || extra !== 0 || faulty.requests !== 1000 || faulty.killed !== 20) process.exitCode = 1
