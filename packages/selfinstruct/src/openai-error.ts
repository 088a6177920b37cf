import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai'
import type { FailureMarks } from './failure.ts'
import { marksOfStatus } from './retry-after.ts'

interface Request {
  readonly baseURL: string
  readonly model: string
  readonly timeoutMs: number
  readonly maxRetries: number
}

/** What went wrong with a request and what to do about it, in one line with the base URL in it. */
export function explain(error: unknown, { baseURL, model, timeoutMs, maxRetries }: Request): string {
  const who = `openAICompatible: ${baseURL} (model '${model}')`
  const tries = `in ${maxRetries + 1} ${maxRetries === 0 ? 'try' : 'tries'}`
  if (error instanceof APIConnectionTimeoutError)
    return `${who} did not answer within ${timeoutMs} ms ${tries}. Raise timeoutMs, ask for less at once (concurrency), or use a smaller model.`
  if (error instanceof APIConnectionError) return `${who} could not be reached ${tries}: ${connectionProblem(error)}`
  if (error instanceof APIError && error.status !== undefined)
    return `${who}: status ${error.message}. ${remedyFor(error.status, baseURL, maxRetries)}`
  const message = error instanceof Error ? error.message : String(error)
  return `${who} sent a reply that cannot be read: ${message}. Look at the server's log; the reply may have been cut off.`
}

/** Whether to ask again, and when: after lost connections, timeouts, unreadable replies, 408, 409, 429 and 5xx; never where nothing can succeed. */
export function marksFor(error: unknown): FailureMarks {
  if (!(error instanceof APIError) || error.status === undefined) return { retryable: true }
  return marksOfStatus(error.status, error.headers?.get('retry-after'))
}

/** The server does not take the request as it is, whatever it is asked about. */
export const isRefusedRequest = (error: unknown): boolean => error instanceof APIError && (error.status === 400 || error.status === 422)

function connectionProblem(error: Error): string {
  const causes = causesOf(error)
  const code = causes.map((cause) => Object(cause).code).find((found) => typeof found === 'string')
  if (code === 'ECONNREFUSED') return 'connection refused. Start the server, or correct host and port in baseURL.'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host name is unknown. Correct baseURL, or check the network.'
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET')
    return 'the server closed the connection. Look at its log; it may have run out of memory.'
  const last = causes.at(-1)
  return `${last instanceof Error ? last.message : error.message}${code === undefined ? '' : ` (${code})`}. Check baseURL and the network.`
}

/** The error, its cause, that one's cause …, and of several addresses tried the first. */
function causesOf(error: unknown, depth = 0): unknown[] {
  const next = Object(error).cause ?? Object(error).errors?.[0]
  return next === undefined || depth > 5 ? [error] : [error, ...causesOf(next, depth + 1)]
}

function remedyFor(status: number, baseURL: string, maxRetries: number): string {
  if (status === 400 || status === 413 || status === 422)
    return 'The server refuses this request. If it is too long for the model, lower chunkCharacters or maxTokens.'
  if (status === 401 || status === 403) return 'Pass an apiKey that this server accepts for this model.'
  if (status === 404)
    return `Either the server does not have this model (${baseURL}/models lists those it has), or baseURL is not where its API starts (usually …/v1).`
  if (status === 429)
    return `The server limits requests and did so ${maxRetries + 1} times. Lower concurrency, raise maxRetries, or check your quota.`
  if (status >= 500)
    return `The server failed ${maxRetries + 1} times. Look at its log; it may be out of memory or still loading the model.`
  return 'See the documentation of the server for this status.'
}
