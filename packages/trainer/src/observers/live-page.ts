import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { StepReport } from '../types.ts'
import { pageHtml } from './live-page-html.ts'

export interface LivePageOptions {
  readonly title?: string
  /** Default 0: a free one. */
  readonly port?: number
}

export interface LivePage {
  /** `http://127.0.0.1:<port>/`. */
  readonly url: string
  /** Loss, learning rate, gradient norm, tokens/s, validation loss, and faults as lines of text. */
  report(report: StepReport): void
  /** Mean loss in equal bins of positions, for a curve over the row; `binWidth` in tokens. */
  lossByPosition(step: number, losses: ArrayLike<number>, binWidth: number): void
  /** A text the model wrote; shown as text, whatever it holds. */
  sample(step: number, text: string): void
  /** Ends the server and all its connections. */
  close(): Promise<void>
}

type Message = { readonly kind: 'report' | 'positions' | 'sample' | 'line'; readonly [key: string]: unknown }

/**
 * Serves a page on loopback that shows a run while it trains, by server-sent events; a page opened late gets everything from the start.
 * Draws with uPlot (peer dependency). Answers only requests that name the loopback host, so that no other site can read it. Node only.
 */
export async function livePage({ title = 'training', port = 0 }: LivePageOptions = {}): Promise<LivePage> {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'))
  const files: Readonly<Record<string, readonly [type: string, body: () => string | Uint8Array]>> = {
    '/': ['text/html; charset=utf-8', () => pageHtml(title)],
    '/uplot.js': ['text/javascript', () => readFileSync(join(uplot, 'uPlot.iife.min.js'))],
    '/uplot.css': ['text/css', () => readFileSync(join(uplot, 'uPlot.min.css'))],
  }
  const sent: string[] = []
  const clients = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    const { host = '', ...headers } = request.headers
    const found = files[request.url ?? '']
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) response.writeHead(403).end('This page is for the machine it runs on.\n')
    else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end()
    else if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      // a browser that lost the connection says what it has
      const from = Number(headers['last-event-id'] ?? -1) + 1
      response.write(sent.slice(from).join(''))
      clients.add(response)
      request.on('close', () => clients.delete(response))
    } else if (found) {
      const csp = "default-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
      response
        .writeHead(200, { 'content-type': found[0], 'content-security-policy': csp, 'x-content-type-options': 'nosniff' })
        .end(found[1]())
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`livePage: port ${port} is in use; choose another, or 0 for a free one.`, { cause: error })
          : error,
      ),
    )
    server.listen(port, '127.0.0.1', resolve)
  })
  server.unref() // a page never keeps a process alive
  const address = server.address()
  const push = (message: Message) => {
    const event = `id: ${sent.length}\ndata: ${JSON.stringify(message)}\n\n`
    sent.push(event)
    for (const client of clients) client.write(event)
  }
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/`,
    report({
      step,
      loss,
      learningRate,
      gradientNorm,
      tokens,
      milliseconds,
      validationLoss,
      skipped,
      rolledBackTo,
      checkpoint,
      checkpointError,
      stopped,
    }) {
      const tokensPerSecond = tokens > 0 ? (1000 * tokens) / milliseconds : null
      push({ kind: 'report', step, loss, learningRate, gradientNorm, tokensPerSecond, validationLoss: validationLoss ?? null })
      const lines = [
        skipped && (rolledBackTo === undefined ? `skipped: ${skipped}` : `rolled back to step ${rolledBackTo}: ${skipped}`),
        checkpoint && `saved ${checkpoint}`,
        checkpointError,
        stopped && `stopped (${stopped})`,
      ]
      for (const text of lines) if (text) push({ kind: 'line', step, text })
    },
    lossByPosition: (step, losses, binWidth) => push({ kind: 'positions', step, losses: Array.from(losses), binWidth }),
    sample: (step, text) => push({ kind: 'sample', step, text }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
