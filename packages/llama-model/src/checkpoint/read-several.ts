import type { Params } from '../params.ts'
import { cutOff } from './read-tensor.ts'
import type { Entry } from './safetensors-header.ts'
import type { ByteStream } from './source.ts'
import { makeTarget } from './target.ts'

const atOnce = 4 // as many threads as Node has for files

/**
 * Reads float32 tensors, the first at byte `start`, each behind the one before, into `loaded`: several at a time and each straight to its
 * place, which must not move meanwhile. Those that nobody `wants` are left out.
 * @throws RangeError that starts with `who` when the file ends too early, after all reads have ended
 */
export async function readSeveral(
  who: string,
  readAt: NonNullable<ByteStream['readAt']>,
  entries: readonly Entry[],
  start: number,
  wants: (name: string) => boolean,
  loaded: Params,
): Promise<void> {
  const places = withPositions(entries, start)
  const readNext = async () => {
    for (const [{ name, shape, bytes }, position] of places) {
      if (!wants(name)) continue
      const target = makeTarget(shape)
      loaded[name] = target.tensor()
      const { buffer, byteOffset, byteLength } = target.values()
      const read = await readAt(new Uint8Array(buffer, byteOffset, byteLength), position)
      if (read < bytes) throw cutOff(who, `'${name}' needs ${bytes} bytes, ${read} are left`)
    }
  }
  const results = await Promise.allSettled(Array.from({ length: atOnce }, readNext))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function* withPositions(entries: readonly Entry[], start: number): Generator<[entry: Entry, position: number]> {
  let position = start
  for (const entry of entries) {
    yield [entry, position]
    position += entry.bytes
  }
}
