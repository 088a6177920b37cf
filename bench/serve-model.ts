/**
 * A chat server on this machine for trying what talks to one: llama.cpp (node-llama-cpp, CPU) behind `POST /v1/chat/completions`, one request at a
 * time, with `response_format` json_schema by grammar. Once: bench/setup-models smollm2 llama-cpp. Then
 *   npx tsx bench/serve-model.ts [PORT] [THREADS] [MODEL.gguf]     prints its base URL; PORT 0 picks a free one
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { peersFolder } from './peers/peers-folder.ts'

const [
  port = '0',
  threads = '2',
  file = fileURLToPath(new URL('../node_modules/.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url)),
] = process.argv.slice(2)
const { getLlama, JinjaTemplateChatWrapper, LlamaChat, LlamaLogLevel } = await import(
  `${peersFolder}llama-cpp/node_modules/node-llama-cpp/dist/index.js`
)
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: Number(threads) })
const model = await llama.loadModel({ modelPath: file })
const template: string = model.fileInfo.metadata.tokenizer.chat_template // the model's own, with its default system prompt
const context = await model.createContext({ contextSize: 2048, threads: Number(threads), sequences: 4 })
// prompts with the same beginning share the work for it
const seats = Array.from({ length: 4 }, () => {
  const contextSequence = context.getSequence()
  const chatWrapper = new JinjaTemplateChatWrapper({ template })
  return { meter: contextSequence.tokenMeter, chat: new LlamaChat({ contextSequence, chatWrapper }), text: '' }
})

function seatFor(text: string): (typeof seats)[number] {
  const shared = seats.map((seat) => {
    let length = 0
    while (length < text.length && text[length] === seat.text[length]) length++
    return { seat, length }
  })
  const best = shared.reduce((a, b) => (b.length > a.length ? b : a))
  const empty = seats.find((seat) => seat.text === '')
  const chosen = best.length < 200 && empty !== undefined ? empty : best.seat
  chosen.text = text
  return chosen
}
const name = basename(file, '.gguf')

interface Request {
  readonly model?: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly temperature?: number
  readonly max_tokens?: number
  readonly seed?: number
  readonly response_format?: { readonly type: string; readonly json_schema?: { readonly schema: object } }
}

async function complete({ messages, temperature, max_tokens: maxTokens, seed, response_format: format }: Request, signal: AbortSignal) {
  const history = messages.map(({ role, content }) =>
    role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content },
  )
  const schema = format?.json_schema?.schema
  const grammar = schema === undefined ? undefined : await llama.createGrammarForJsonSchema(schema)
  const { chat, meter } = seatFor(JSON.stringify(messages))
  const before = meter.getState()
  const { response, metadata } = await chat.generateResponse([...history, { type: 'model', response: [] }], {
    temperature: temperature ?? 0.2, // as the card of SmolLM2 recommends
    topP: 0.9,
    ...(seed !== undefined && { seed }),
    maxTokens: maxTokens ?? 512,
    ...(grammar && { grammar }),
    signal,
  })
  const used = meter.diff(before)
  return {
    object: 'chat.completion',
    model: name,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: response },
        finish_reason: metadata.stopReason === 'maxTokens' ? 'length' : 'stop',
      },
    ],
    usage: { prompt_tokens: used.usedInputTokens, completion_tokens: used.usedOutputTokens },
  }
}

const answer = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

let last: Promise<unknown> = Promise.resolve()
async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/v1/models') return answer(response, 200, { object: 'list', data: [{ id: name, object: 'model' }] })
  if (request.url !== '/v1/chat/completions') return answer(response, 404, { error: { message: `there is no ${request.url}` } })
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client has gone')))
  let body = ''
  for await (const part of request) body += part
  const asked: Request = JSON.parse(body)
  if (asked.model !== name) return answer(response, 404, { error: { message: `there is no model '${asked.model}', only '${name}'` } })
  const turn = last.then(() => gone.signal.throwIfAborted()).then(() => complete(asked, gone.signal))
  last = turn.catch(() => {})
  answer(response, 200, await turn)
}

const server = createServer((request, response) => {
  handle(request, response).catch((error) => {
    if (!response.destroyed) answer(response, 400, { error: { message: String(error) } })
  })
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1 serves ${name}`)
})
