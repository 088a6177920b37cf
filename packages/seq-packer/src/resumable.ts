import type { Json, Resumable } from './types.ts'

/** Dresses three closures as a stream; `next` returns undefined at the end, again and again. */
export function resumable<Item extends object>(
  next: () => Item | undefined,
  state: () => Json,
  restore: (state: Json) => void,
): Resumable<Item> {
  const stream: Resumable<Item> = {
    next() {
      const value = next()
      return value === undefined ? { done: true, value: undefined } : { done: false, value }
    },
    [Symbol.iterator]: () => stream,
    state,
    restore,
  }
  return stream
}

/** `items` itself where it can tell and take its state; otherwise a stream whose state is the number of items handed out. */
export function asResumable<Item extends object>(who: string, items: Iterable<Item>): Resumable<Item> {
  if (!(Symbol.iterator in Object(items)))
    throw new TypeError(
      `${who} is ${String(items)}; it must be an iterable, such as an array or a stream of mix or pack (not an async one).`,
    )
  return isResumable(items) ? items : counted(who, items)
}

const isResumable = <Item>(items: Iterable<Item>): items is Resumable<Item> =>
  'state' in items && typeof items.state === 'function' && 'restore' in items && typeof items.restore === 'function'

function counted<Item extends object>(who: string, items: Iterable<Item>): Resumable<Item> {
  let iterator: Iterator<Item> | undefined
  let count = 0
  const next = (): Item | undefined => {
    iterator ??= items[Symbol.iterator]()
    const { value, done } = iterator.next()
    if (done) return undefined
    count++
    return value
  }
  const restore = (state: Json): void => {
    const wanted = wholeNumber(`${who}.restore: the number of items`, state)
    if (wanted === count) return
    const fresh = items[Symbol.iterator]()
    if (Object.is(fresh, items) && count > 0)
      throw new RangeError(`${who} is a generator that has been read already; it cannot go back. Restore over a new one, or pass an array.`)
    iterator = fresh
    count = 0
    while (count < wanted)
      if (next() === undefined) throw new RangeError(`${who} holds ${count} items, the state was made after ${wanted}. Pass the same data.`)
  }
  return resumable(next, () => count, restore)
}

/** The fields of a state object; `kind` tells whose it is. */
export function fieldsOf(who: string, state: Json | undefined, kind?: string): { readonly [key: string]: Json } {
  if (!isObject(state) || (kind !== undefined && state.kind !== kind))
    throw new RangeError(`${who}.restore: got ${excerpt(state)}; it must be what ${who}'s state() returned.`)
  return state
}

const isObject = (state: Json | undefined): state is { readonly [key: string]: Json } =>
  typeof state === 'object' && state !== null && !Array.isArray(state)

const isList = (state: Json | undefined): state is readonly Json[] => Array.isArray(state)

export function listOf(what: string, state: Json | undefined): readonly Json[] {
  if (!isList(state)) throw new RangeError(`${what} is ${excerpt(state)}; it must be a list, as state() returned it.`)
  return state
}

export function wholeNumber(what: string, state: Json | undefined): number {
  if (typeof state !== 'number' || !Number.isSafeInteger(state) || state < 0)
    throw new RangeError(`${what} is ${excerpt(state)}; it must be a whole number ≥ 0, as state() returned it.`)
  return state
}

/** A state is only exact under the settings that it was made with. */
export function checkSame(who: string, made: { readonly [key: string]: Json }, own: { readonly [key: string]: Json }): void {
  for (const [key, value] of Object.entries(own)) {
    const [before, now] = [JSON.stringify(made[key]), JSON.stringify(value)]
    if (before !== now)
      throw new RangeError(`${who}.restore: the state was made with ${key} ${before}, here it is ${now}. Pass the same, or begin anew.`)
  }
}

const excerpt = (state: Json | undefined): string => String(JSON.stringify(state)).slice(0, 80)
