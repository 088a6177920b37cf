import { checkCount } from './check.ts'
import { fieldsOf, wholeNumber } from './resumable.ts'
import type { AsyncResumable, Json, Resumable, Row } from './types.ts'

/** What a worker and its owner talk through: a `Worker` of a browser or of Node, Node's `parentPort`, a worker's `self`, a `MessagePort`. */
export type Port = {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
} & (
  | { on(event: string, listener: (value: unknown) => void): unknown }
  | { addEventListener(event: string, listener: (event: object) => void): void; start?(): void }
)

/** Makes `rows` more rows, from a state where one is given. */
interface Order {
  readonly number: number
  readonly rows: number
  readonly restore?: { readonly before: Json; readonly skip: number }
}
interface Block {
  readonly number: number
  /** State before the first of them. */
  readonly before: Json
  readonly rows: readonly Row[]
  readonly done: boolean
  readonly error?: string
}

export interface PrefetchOptions {
  /** Rows that are made at a time; up to two such blocks are held. Default 32. */
  readonly ahead?: number
}

/** In a worker: makes the rows that `prefetch` in its owner asks for. Their buffers move, nothing is copied. */
export function serveRows(port: Port, rows: Resumable<Row>): void {
  const beginning = rows.state()
  listen<Order>(port, 'message', ({ number, rows: count, restore }) => {
    let before = beginning
    try {
      if (restore) {
        rows.restore(restore.before ?? beginning)
        for (let i = 0; i < restore.skip; i++) rows.next()
      }
      before = rows.state()
      const made: Row[] = []
      let ended = false
      while (made.length < count && !ended) {
        const { value, done } = rows.next()
        if (done) ended = true
        else made.push(value)
      }
      const buffers = made.flatMap((row) => Object.values(row).map((values: Int32Array<ArrayBuffer>) => values.buffer))
      port.postMessage({ number, before, rows: made, done: ended } satisfies Block, buffers)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      port.postMessage({ number, before, rows: [], done: true, error: message } satisfies Block, [])
    }
  })
}

/**
 * The rows of a worker that called `serveRows`, made while the ones before are trained on. The state is that after the last row handed out,
 * not after the last one made, so a checkpoint is exact; `restore` works in another process too.
 * Who made the worker ends it.
 * @throws RangeError for `ahead` below 1. What the worker throws, `next` rejects with.
 */
export function prefetch(worker: Port, { ahead = 32 }: PrefetchOptions = {}): AsyncResumable<Row> {
  checkCount('prefetch: ahead', ahead)
  let last = 0 // number of the last order; what answers an order before the last restore is dropped
  let first = 1
  let current: Block | undefined
  let [index, resumedAt] = [0, { before: null as Json, skip: 0 }]
  const blocks: Block[] = []
  let wake = (): void => {}
  let failure: Error | undefined

  listen<Block>(worker, 'message', (block) => {
    if (block.number < first) return
    blocks.push(block)
    wake()
  })
  listen<Error>(worker, 'error', (error) => {
    failure = new Error(`prefetch: the worker failed: ${error.message}`)
    wake()
  })
  const order = (restore?: Order['restore']): void =>
    worker.postMessage({ number: ++last, rows: ahead, ...(restore ? { restore } : {}) } satisfies Order, [])
  async function next(): Promise<IteratorResult<Row, undefined>> {
    if (last === 0) order()
    while (!current || index === current.rows.length) {
      if (failure) throw failure
      if (current?.error !== undefined) throw new Error(current.error)
      if (current?.done) return { done: true, value: undefined }
      const block = blocks.shift()
      if (block) {
        ;[current, index] = [block, 0]
        if (!block.done) order() // made while this block is handed out
      } else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
    return { done: false, value: current.rows[index++]! }
  }
  const stream: AsyncResumable<Row> = {
    next,
    [Symbol.asyncIterator]: () => stream,
    state: () => ({ kind: 'prefetch', ...(current ? { before: current.before, skip: index } : resumedAt) }),
    restore(state) {
      const fields = fieldsOf('prefetch', state, 'prefetch')
      resumedAt = { before: fields.before ?? null, skip: wholeNumber('prefetch.restore: skip', fields.skip) }
      ;[current, index, first] = [undefined, 0, last + 1]
      blocks.length = 0
      order(resumedAt)
    },
  }
  return stream
}

function listen<Value>(port: Port, event: 'message' | 'error', listener: (value: Value) => void): void {
  // both ends are this file, so what comes is what was sent
  if ('on' in port) port.on(event, (value) => listener(value as Value))
  else {
    port.addEventListener(event, (own) => listener((event === 'message' && 'data' in own ? own.data : own) as Value))
    port.start?.()
  }
}
