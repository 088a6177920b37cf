import type { Params } from '../params.ts'

/** Shape of every weight that config.json asks for. */
export type Shapes = ReadonlyMap<string, readonly number[]>

/** Tensors of published checkpoints that hold nothing of their own: a tied output layer, and the frequencies of old versions of transformers. */
const isIgnored = (name: string, shapes: Shapes): boolean =>
  (name === 'lm_head.weight' && !shapes.has(name)) || name.endsWith('.rotary_emb.inv_freq')

/** @throws RangeError that starts with `who` when names are missing or nobody asked for them */
export function checkNames(who: string, shapes: Shapes, names: readonly string[]): void {
  const found = new Set(names)
  const missing = [...shapes.keys()].filter((name) => !found.has(name))
  const unexpected = names.filter((name) => !shapes.has(name) && !isIgnored(name, shapes))
  for (const [what, list] of Object.entries({ missing, unexpected })) {
    if (list.length === 0) continue
    const shown = list.slice(0, 3).map((name) => `'${name}'`)
    throw new RangeError(
      `${who}: ${list.length} tensor(s) ${what}: ${shown.join(', ')}${list.length > 3 ? ', …' : ''}. ` +
        'Configuration and weights must be of the same Llama.',
    )
  }
}

/** @throws RangeError that starts with `who` for a tensor that nobody asked for, is of another shape, or was there before */
export function checkTensor(
  who: string,
  { name, shape }: { name: string; shape: readonly number[] },
  shapes: Shapes,
  loaded: Params,
): void {
  const expected = shapes.get(name)
  if (!expected && !isIgnored(name, shapes)) {
    throw new RangeError(`${who}: tensor '${name}' is unexpected; the configuration has no such weight.`)
  }
  if (name in loaded) throw new RangeError(`${who}: tensor '${name}' was in an earlier file already. Download or save the model again.`)
  if (expected && String(expected) !== String(shape)) {
    throw new RangeError(`${who}: tensor '${name}' has shape [${shape}]; by the configuration it must be [${expected}].`)
  }
}

/** The same tensors in the order of the network. */
export const inOrder = (shapes: Shapes, loaded: Params): Params =>
  Object.fromEntries(Array.from(shapes.keys(), (name) => [name, loaded[name]!]))
