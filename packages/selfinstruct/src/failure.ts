/** What a failed call of `complete` may say about itself, as properties of its error. Errors of other origin say nothing, which is allowed. */
export interface FailureMarks {
  /** The same request may succeed later: `limited` asks again. */
  readonly retryable?: boolean | undefined
  /** The server asked for this pause. */
  readonly retryAfterMs?: number | undefined
  /** No other request will succeed either: `selfInstruct` ends the run instead of rejecting one pair after another. */
  readonly fatal?: boolean | undefined
  /** The endpoint declined this request for what it says: a 'refusal' rather than an 'endpoint-error'. */
  readonly refused?: boolean | undefined
}

export const failure = (message: string, marks: FailureMarks): Error => Object.assign(new Error(message), marks)

export const marksOf = (error: unknown): FailureMarks => Object(error)
