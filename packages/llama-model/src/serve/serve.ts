import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import { complete, type TextModel, type TextPart } from '../chat/complete.ts'
import { shapeOf } from './answer.ts'
import { type Failure, failure, failureBody, isFailure } from './failure.ts'
import { makeQueue, type Queue } from './queue.ts'
import { type Job, type Limits, readRequest } from './read-request.ts'

export interface ServeOptions {
  /** The id under which clients ask for the model. */
  readonly modelName: string
  /** Default 0: any that is free. */
  readonly port?: number | undefined
  /** Address to listen at; default '127.0.0.1', which only this machine reaches. '0.0.0.0' listens to everybody. */
  readonly host?: string | undefined
  /** Asked from clients as `Authorization: Bearer KEY`; default none. */
  readonly apiKey?: string | undefined
  /** Tokens of prompt and answer together; default `config.maxPositionEmbeddings`. */
  readonly maxLength?: number | undefined
  /** Bytes of a request's body; default 1 MB. */
  readonly maxBodyBytes?: number | undefined
  /** Answers that are made at the same time, token by token in turn, each with a cache of its own; default 4. */
  readonly active?: number | undefined
  /** Requests that may wait besides; more are refused with status 503. Default 256. */
  readonly maxWaiting?: number | undefined
}

export interface Server {
  /** Base URL for clients, such as `http://127.0.0.1:8080/v1`. */
  readonly url: string
  /** Takes no more requests, breaks off those under way, and waits until all is freed. */
  close(): Promise<void>
}

interface Context {
  readonly model: TextModel
  readonly limits: Limits
  readonly queue: Queue
  readonly keyDigest: Uint8Array | undefined
  readonly maxBodyBytes: number
}

/**
 * Serves the OpenAI API: `/v1/chat/completions`, `/v1/completions`, `/v1/models`. `model` must stay alive meanwhile. A client that hangs up
 * ends its answer. What clients do wrong is answered with a status of 4xx and a message.
 * @throws Error of the system when the address cannot be listened at
 */
export async function serve(model: TextModel, options: ServeOptions): Promise<Server> {
  const { modelName, port = 0, host = '127.0.0.1', apiKey, maxBodyBytes = 1e6, active = 4, maxWaiting = 256 } = options
  const tooMany = () => failure(503, `More than ${maxWaiting} requests are waiting; try again later.`, { code: 'overloaded' })
  const context: Context = {
    model,
    limits: { modelName, maxLength: options.maxLength ?? model.config.maxPositionEmbeddings },
    queue: makeQueue({ active, maxWaiting }, tooMany),
    keyDigest: apiKey === undefined ? undefined : digest(apiKey),
    maxBodyBytes,
  }
  const underWay = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const answer = respond(context, request, response).catch((error: unknown) => refuse(response, error))
    underWay.add(answer)
    void answer.finally(() => underWay.delete(answer))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${(server.address() as AddressInfo).port}/v1`,
    async close() {
      server.close()
      server.closeAllConnections()
      await Promise.all(underWay)
    },
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()

async function respond(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { modelName } = context.limits
  const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/\/$/, '')
  if (request.method === 'GET' && path === '/health') return sendJson(response, 200, { status: 'ok' })
  const { keyDigest } = context
  if (keyDigest && !timingSafeEqual(digest(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''), keyDigest))
    throw failure(401, 'The API key is missing or wrong; send it as Authorization: Bearer KEY.', { code: 'invalid_api_key' })
  const kind = { '/v1/chat/completions': 'chat', '/v1/completions': 'completion' }[path] as Job['kind'] | undefined
  const card = { id: modelName, object: 'model', created: 0, owned_by: 'llama-model' }
  const pages: Readonly<Record<string, object>> = {
    '/v1/models': { object: 'list', data: [card] },
    [`/v1/models/${encodeURIComponent(modelName)}`]: card,
  }
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (!kind && !page) throw failure(404, `There is nothing at ${path}; ask /v1/chat/completions, /v1/completions or /v1/models.`)
  if (request.method !== (kind ? 'POST' : 'GET')) throw failure(405, `${path} is asked by ${kind ? 'POST' : 'GET'}, not ${request.method}.`)
  if (!kind) return sendJson(response, 200, page!)
  const job = readRequest(kind, await readBody(request, context.maxBodyBytes), context.model, context.limits)
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  if (response.destroyed) return
  await context.queue.run(gone.signal, async (turn) => {
    const stream = complete(context.model, job.tokens, { ...job.options, signal: gone.signal })
    try {
      await send(context, job, response, { next: () => turn(() => stream.next()) })
    } finally {
      await stream.return()
    }
  })
}

async function send(
  { limits, model }: Context,
  job: Job,
  response: ServerResponse,
  stream: { next(): Promise<IteratorResult<TextPart, void>> },
): Promise<void> {
  const shape = shapeOf(job, limits.modelName, model.tokenizer)
  const parts: TextPart[] = []
  const write = (events: readonly object[]) => {
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`)
  }
  let part = await stream.next() // what throws at once is still answered with a status
  if (job.stream) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
    write(shape.first())
  }
  let tokens = 0
  for (; !part.done; part = await stream.next()) {
    if (part.value.token) tokens++
    if (job.stream) write(shape.piece(part.value))
    else parts.push(part.value)
  }
  if (!job.stream) return sendJson(response, 200, shape.whole(parts))
  write(shape.last(tokens))
  response.end('data: [DONE]\n\n')
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>> {
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\b/i.test(type)) throw failure(415, `The content-type is '${type}'; it must be application/json.`)
  const chunks: Buffer[] = []
  let size = 0
  const parts: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false }) // a refusal has to be sent
  for await (const chunk of parts) {
    size += chunk.length
    if (size > maxBytes) throw failure(413, `The body has more than ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  } catch {
    // said below
  }
  throw failure(400, 'The body is no JSON object.')
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return // the client has hung up
  const own: Failure = isFailure(error) ? error : failure(500, `The answer failed: ${String(error)}`)
  if (response.headersSent) {
    response.end(`data: ${JSON.stringify(failureBody(own))}\n\n`)
    return
  }
  response.setHeader('connection', 'close') // what is left of the body is not read
  if (own.status === 503) response.setHeader('retry-after', '1')
  sendJson(response, own.status, failureBody(own))
}
