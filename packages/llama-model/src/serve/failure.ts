/** What a client did wrong, or the server cannot do, as the OpenAI API says it. */
export interface Failure extends Error {
  readonly status: number
  readonly code: string | null
  /** The field of the request. */
  readonly param: string | null
}

export function failure(status: number, message: string, { code = null, param = null }: Partial<Failure> = {}): Failure {
  return Object.assign(new Error(message), { status, code, param })
}

export const isFailure = (error: unknown): error is Failure => error instanceof Error && 'status' in error && 'param' in error

export const failureBody = ({ status, message, code, param }: Failure) => ({
  error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param, code },
})
