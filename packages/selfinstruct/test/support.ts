import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Complete, Message, Pair, Rejection } from 'selfinstruct'

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

/** Outcomes up to the error that ended the stream, and that error. */
export async function collectUntilError(
  stream: AsyncIterable<Pair | Rejection>,
): Promise<{ outcomes: (Pair | Rejection)[]; error: unknown }> {
  const outcomes: (Pair | Rejection)[] = []
  try {
    for await (const outcome of stream) outcomes.push(outcome)
  } catch (error) {
    return { outcomes, error }
  }
  return { outcomes, error: undefined }
}

export const isCritique = (messages: readonly Message[]): boolean => messages.at(-1)!.content.includes('<verdict>')

export const reply = (question: string, answer: string): string => `<question>${question}</question>\n<answer>${answer}</answer>`

/** Words that no two texts share, so that questions made of them are no near-duplicates. */
export const wordsOf = (seed: number, count: number): string => Array.from({ length: count }, (_, i) => `w${seed}x${i}`).join(' ')

/** Asks about the last line of the chunk, approves of everything, and takes its time as `delay` says. */
export const scripted =
  (delay: (call: number) => number = () => 0): Complete =>
  async (messages, { signal } = {}) => {
    const call = calls++
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, delay(call))
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason)
      })
    })
    const { content } = messages.at(-1)!
    return isCritique(messages) ? '<verdict>yes</verdict>' : reply(content.slice(-60, -4), 'so it is')
  }
let calls = 0

type Handler = (
  request: { body: Record<string, unknown>; headers: IncomingMessage['headers']; url: string },
  response: ServerResponse,
) => void

/** A chat server on the loopback: request number i is answered by `handlers[i]`, later ones by the last. */
export async function withServer<T>(
  handlers: readonly Handler[],
  use: (server: { baseURL: string; requests: Record<string, unknown>[] }) => Promise<T>,
): Promise<T> {
  const requests: Record<string, unknown>[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const body = JSON.parse(Buffer.concat(parts).toString('utf8'))
    const handler = handlers[Math.min(requests.length, handlers.length - 1)]!
    requests.push(body)
    handler({ body, headers: request.headers, url: request.url ?? '' }, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use({ baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

export const says = (content: unknown, rest: object = { finish_reason: 'stop' }): Handler =>
  json(200, { id: 'x', object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content }, ...rest }] })
