import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Parts, Peer } from './row.ts'

/** What a peer is asked, one JSON line on its standard input each; it answers with one JSON line on file descriptor 3. */
export type Request =
  /** Makes inputs, runs until warm. → `{ check, warm }`, or `{ note }` where it cannot */
  | { readonly prepare: string; readonly input: object }
  /** Runs for about as long, at least once. → `{ median }` */
  | { readonly sample: number }
  /** Forgets the case. → `{ peakBytes }` */
  | { readonly finish: true }

export interface Answer {
  /** A few numbers of the result, the same for every peer that computes the same. */
  readonly check?: readonly number[]
  /** The last warm-up run: counts as a sample where runs are long. */
  readonly warm?: Parts
  readonly median?: Parts
  readonly peakBytes?: number
  readonly note?: string
}

export interface PeerProcess {
  readonly peer: Peer
  /** The answer, or a note: after `limitMs` the process is killed, and the next request starts another. */
  ask(request: Request, limitMs: number): Promise<Answer>
  stop(): void
}

/** A peer's process; it starts with the first request. */
export function peerProcess(peer: Peer): PeerProcess {
  let child: ChildProcess | undefined
  let answer: (answer: Answer) => void = () => {}

  const stop = () => {
    child?.kill('SIGKILL')
    child = undefined
  }
  const start = () => {
    if (child) return
    const [command, ...args] = peer.command
    const process_ = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'], env: { ...process.env, ...peer.environment } })
    let complaints = ''
    process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaints = (complaints + text).slice(-2000)
    })
    process_.stdin?.on('error', () => {}) // it died: 'close' says so
    process_.on('error', (error) => answer({ note: error.message }))
    process_.on('close', (code, signal) => {
      if (child !== process_) return
      child = undefined
      const lines = complaints.trim().split('\n')
      answer({ note: `died (${signal ?? code}): ${lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)}` })
    })
    createInterface(process_.stdio[3] as Readable).on('line', (line) => answer(JSON.parse(line)))
    child = process_
  }
  return {
    peer,
    stop,
    async ask(request, limitMs) {
      start()
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          stop()
          resolve({ note: `> ${Math.round(limitMs / 1000)} s` })
        }, limitMs)
        answer = (answer) => {
          clearTimeout(timer)
          resolve(answer)
        }
        child?.stdin?.write(`${JSON.stringify(request)}\n`)
      })
    },
  }
}
