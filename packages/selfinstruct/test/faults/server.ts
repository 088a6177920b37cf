import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What can go wrong with a reply, each as a real server does it. */
const FAULTS: readonly ((response: ServerResponse, whole: string) => void)[] = [
  (response) => response.writeHead(429, { 'retry-after': '0.01' }).end('{"error":{"message":"slow down"}}'),
  (response) => response.writeHead(429).end('{"error":{"message":"slow down"}}'),
  (response) => response.writeHead(500).end('crashed'),
  (response) => response.destroy(),
  (response, whole) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(whole.length) })
    response.write(whole.slice(0, whole.length / 2), () => response.destroy())
  },
  (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices": [{"mess'),
  (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"something else"}'),
  (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Sign in</body></html>'),
  (response, whole) => setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(whole), 2000).unref(), // past the time-out
]

export interface Scripted {
  readonly baseURL: string
  /** How often each request was made, by the name that its reply holds. */
  readonly asked: Map<string, number>
  readonly faults: () => number
  readonly close: () => void
}

/**
 * A chat server that misbehaves for a share of its requests, drawn anew each time, and whose good replies depend on the request alone. `later` says when
 * they are sent.
 */
export async function scriptedServer(
  share: number,
  later: (send: () => void) => void = (send) => setTimeout(send, 5 + 20 * Math.random()),
): Promise<Scripted> {
  const asked = new Map<string, number>()
  let faults = 0
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const name = createHash('sha256').update(body).digest('hex').slice(0, 16)
    asked.set(name, (asked.get(name) ?? 0) + 1)
    const isCritique = body.includes('<verdict>')
    const words = Array.from({ length: 4 }, (_, i) => name.slice(4 * i, 4 * i + 4)).join(' ')
    const content = isCritique ? `${name} <verdict>yes</verdict>` : `<question>${words} ${name}?</question><answer>${name}</answer>`
    const whole = JSON.stringify({ model: 'scripted', choices: [{ message: { content }, finish_reason: 'stop' }] })
    if (Math.random() < share) FAULTS[faults++ % FAULTS.length]!(response, whole)
    else later(() => response.writeHead(200, { 'content-type': 'application/json' }).end(whole))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { baseURL: `http://127.0.0.1:${port}/v1`, asked, faults: () => faults, close }
}
