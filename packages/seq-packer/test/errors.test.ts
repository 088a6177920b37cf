import { type Document, type Json, mix, pack, packAll, packLengths, repack, split, utilisation } from 'seq-packer'
import { describe, expect, it } from 'vitest'
import { documentsOf } from './support.ts'

const texts = documentsOf([3, 4])
const weights = { texts: 1 }
const one = (document: Partial<Document>) => [...pack([{ ...texts[0]!, ...document }], { strategy: 'pad', rowLength: 8 })]

describe('errors name the value, the rule and the fix', () => {
  it.each<[string, () => unknown, string]>([
    ['mix: no sources', () => mix({}, { weights: {}, seed: 1 }), 'mix: sources is empty; give at least one'],
    ['mix: no array', () => mix({ texts: 7 as never }, { weights, seed: 1 }), "mix: source 'texts' is 7; it must be an array, a function"],
    ['mix: no documents', () => mix({ texts: [] }, { weights, seed: 1 }), "mix: source 'texts' is empty. Leave it out."],
    [
      'mix: no weight',
      () => mix({ texts, more: texts }, { weights, seed: 1 }),
      "mix: source 'more' has no weight; the weights name texts.",
    ],
    [
      'mix: a negative weight',
      () => mix({ texts }, { weights: { texts: -1 }, seed: 1 }),
      "mix: the weight of 'texts' is -1; it must be a finite",
    ],
    [
      'mix: all weights 0',
      () => mix({ texts }, { weights: { texts: 0 }, seed: 1 }),
      'mix: all weights are 0; at least one must be positive.',
    ],
    [
      'mix: a weight too many',
      () => mix({ texts }, { weights: { texts: 1, code: 1 }, seed: 1 }),
      "mix: there is a weight for 'code', but the sources are texts.",
    ],
    ['mix: seed', () => mix({ texts }, { weights, seed: 0.5 }), 'mix: seed is 0.5; it must be a whole number.'],
    ['mix: epochs', () => mix({ texts }, { weights, seed: 1, epochs: 0 }), 'mix: epochs is 0; it must be a whole number ≥ 1.'],
    [
      'mix: an empty document in an array',
      () => mix({ texts: [...texts, { id: 'x', source: 's', tokens: [] }] }, { weights, seed: 1 }),
      "mix: item 2 of source 'texts' has no tokens. Leave out empty documents.",
    ],
    [
      'mix: an empty document from a function',
      () => mix({ texts: () => [{ tokens: [] }] }, { weights, seed: 1 }).next(),
      "mix: item 0 of source 'texts' in epoch 0 has no tokens.",
    ],
    ['mix: an empty epoch', () => mix({ texts: () => [] }, { weights, seed: 1 }).next(), "mix: source 'texts' is empty in epoch 0."],

    ['pack: rowLength', () => pack(texts, { strategy: 'pad', rowLength: 1 }), 'pack: rowLength is 1; it must be a whole number ≥ 2.'],
    [
      'pack: strategy',
      () => pack(texts, { strategy: 'greedy' as never, rowLength: 8 }),
      "pack: strategy is 'greedy'; choose 'concat', 'first-fit',",
    ],
    ['pack: no documents', () => pack(7 as never, { strategy: 'pad', rowLength: 8 }), 'pack: documents is 7; it must be an iterable'],
    [
      'pack: openRows',
      () => pack(texts, { strategy: 'best-fit', rowLength: 8, openRows: 0 }),
      'pack: openRows is 0; it must be a whole number ≥ 1.',
    ],
    [
      'pack: an option of another strategy',
      () => pack(texts, { strategy: 'concat', rowLength: 8, openRows: 4 } as never),
      "pack: openRows has no meaning for strategy 'concat'; it belongs to 'first-fit', 'best-fit'. Leave it out.",
    ],
    [
      'pack: segments',
      () => pack(texts, { strategy: 'concat', rowLength: 8, segments: 'page' as never }),
      "pack: segments is 'page'; choose 'document' (default) or 'row'.",
    ],
    [
      'pack: overlong',
      () => pack(texts, { strategy: 'pad', rowLength: 8, overlong: 'drop' as never }),
      "pack: overlong is 'drop'; choose 'split' (default), 'truncate' or 'refuse'.",
    ],
    [
      'pack: overlap',
      () => pack(texts, { strategy: 'concat', rowLength: 8, overlap: 8 }),
      'pack: overlap is 8, rowLength 8; a row must hold more than it repeats. Choose a smaller overlap.',
    ],
    [
      'pack: overlap without a cut',
      () => pack(texts, { strategy: 'pad', rowLength: 8, overlap: 2, overlong: 'truncate' }),
      "pack: overlap is 2, but overlong 'truncate' cuts nothing in two. Leave one of them out.",
    ],
    [
      'pack: buffer',
      () => pack(texts, { strategy: 'best-fit', rowLength: 8, buffer: 0 }),
      'pack: buffer is 0; it must be a whole number ≥ 1.',
    ],
    [
      'pack: buffer and openRows',
      () => pack(texts, { strategy: 'best-fit', rowLength: 8, buffer: 9, openRows: 2 }),
      'pack: buffer and openRows are two ways to find a row; give one of them.',
    ],
    [
      'pack: a document longer than any row',
      () => [...pack(documentsOf([3, 9]), { strategy: 'best-fit', rowLength: 8, overlong: 'refuse' })],
      "pack: document 'texts-1' of source 'texts' has 9 tokens, a row 8. Leave it out, choose a longer rowLength, or overlong 'split' or 'truncate'.",
    ],
    ['packAll: no documents', () => packAll([], { rowLength: 8, seed: 1 }), 'packAll: there are no documents; give at least one.'],
    ['packAll: seed', () => packAll(texts, { rowLength: 8, seed: 0.5 }), 'packAll: seed is 0.5; it must be a whole number.'],
    [
      'packAll: an empty document',
      () => packAll([...texts, { id: 'x', source: 's', tokens: [] }], { rowLength: 8, seed: 1 }),
      'packAll: document 2 has 0 tokens. Leave out empty documents.',
    ],
    [
      'packAll: a document longer than any row',
      () => packAll(documentsOf([3, 9]), { rowLength: 8, seed: 1, overlong: 'refuse' }),
      "packAll: document 1, 'texts-1', has 9 tokens, a row 8. Leave it out, choose a longer rowLength, or overlong 'split' or 'truncate'.",
    ],
    [
      'packAll: lengths that are not those of the documents',
      () => packAll({ lengths: [5, 5], at: (index) => texts[index]! }, { rowLength: 8, seed: 1 }).next(),
      'it was planned with',
    ],
    [
      'pack: paddingToken',
      () => pack(texts, { strategy: 'pad', rowLength: 8, paddingToken: -1 }),
      'pack: paddingToken is -1; a token is a whole number in [0, 2147483647].',
    ],
    [
      'an empty document',
      () => one({ tokens: [] }),
      "pack: document 'texts-0' of source 'texts' has no tokens. Leave out empty documents.",
    ],
    [
      'half a token',
      () => one({ tokens: [1, 2.5] }),
      "pack: document 'texts-0' of source 'texts': tokens[1] is 2.5; a token is a whole number",
    ],
    ['a negative token', () => one({ tokens: [-1] }), 'tokens[0] is -1; a token is a whole number in [0, 2147483647].'],
    ['a token beyond int32', () => one({ tokens: [2 ** 31] }), 'tokens[0] is 2147483648; a token is a whole number'],
    [
      'too few weights',
      () => one({ lossWeights: [1] }),
      "pack: document 'texts-0' of source 'texts' has 3 tokens and 1 lossWeights; give one weight per token, or none.",
    ],
    [
      'a negative weight',
      () => one({ lossWeights: [1, 1, -1] }),
      "'texts-0' of source 'texts': lossWeights[2] is -1; it must be a finite number ≥ 0.",
    ],

    ['packLengths: capacity', () => packLengths([1], 0), 'packLengths: capacity is 0; it must be a whole number ≥ 1.'],
    ['packLengths: a length', () => packLengths([1, 0], 5), 'packLengths: lengths[1] is 0; it must be a whole number ≥ 1.'],
    ['packLengths: too long', () => packLengths([6], 5), 'packLengths: lengths[0] is 6, beyond the capacity 5. Split it first.'],
    ['packLengths: strategy', () => packLengths([1], 5, 'greedy' as never), "packLengths: strategy is 'greedy'; choose 'next-fit',"],
    ['split', () => split(texts, { pieceLength: 0 }), 'split: pieceLength is 0; it must be a whole number ≥ 1.'],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})

describe('a state is refused over other data or with other settings', () => {
  const stream = () => mix({ texts }, { weights, seed: 1 })
  const rows = (rowLength = 8) => pack(stream(), { strategy: 'best-fit', rowLength })
  const used = (state: { next(): unknown; state(): Json }): Json => {
    for (let i = 0; i < 3; i++) state.next()
    return state.state()
  }
  it.each<[string, () => unknown, string]>([
    [
      'mix: seed',
      () => mix({ texts }, { weights, seed: 2 }).restore(used(stream())),
      'mix.restore: the state was made with seed 1, here it is 2.',
    ],
    [
      'mix: weights',
      () => mix({ texts }, { weights: { texts: 2 }, seed: 1 }).restore(used(stream())),
      'mix.restore: the state was made with weights {"texts":1}, here it is {"texts":2}. Pass the same, or begin anew.',
    ],
    [
      'mix: data',
      () => mix({ texts: documentsOf([3, 5]) }, { weights, seed: 1 }).restore(used(stream())),
      'mix.restore: the state was made with sizes {"texts":{"items":2,"tokens":7}}, here it is {"texts":{"items":2,"tokens":8}}.',
    ],
    [
      'mix: a function that gives less',
      () => {
        const made = mix({ texts: () => documentsOf([1, 1, 1, 1]) }, { weights, seed: 1 })
        mix({ texts: () => documentsOf([1, 1]) }, { weights, seed: 1 }).restore(used(made))
      },
      "mix.restore: source 'texts' holds fewer than the 3 items the state counted. Pass the same data.",
    ],
    ['pack: rowLength', () => rows(6).restore(used(rows())), 'pack.restore: the state was made with rowLength 8, here it is 6.'],
    [
      'pack: overlap',
      () => pack(stream(), { strategy: 'best-fit', rowLength: 8, overlap: 1 }).restore(used(rows())),
      'made with overlap 0, here it is 1.',
    ],
    ['repack: a state of mix', () => repack(used(stream()), { strategy: 'pad', rowLength: 8 }), 'repack.restore: got {"kind":"mix"'],
    [
      'packAll: data',
      () => packAll(documentsOf([3, 5]), { rowLength: 8, seed: 1 }).restore(packAll(texts, { rowLength: 8, seed: 1 }).state()),
      'packAll.restore: the state was made with tokens 7, here it is 8. Pass the same, or begin anew.',
    ],
    ['pack: a state of mix', () => rows().restore(used(stream())), 'pack.restore: got {"kind":"mix"'],
    ['pack: nothing', () => rows().restore(null), "pack.restore: got null; it must be what pack's state() returned."],
    [
      'pack: shorter documents',
      () => {
        const state = used(pack(documentsOf([30, 30]), { strategy: 'concat', rowLength: 8 }))
        pack(documentsOf([9, 30]), { strategy: 'concat', rowLength: 8 }).restore(state)
      },
      "pack.restore: document 'texts-0' has 9 tokens, the state needs 30. Pass the same data as before.",
    ],
    [
      'pack: fewer documents',
      () => {
        const state = used(pack(documentsOf([3, 3, 3, 3]), { strategy: 'pad', rowLength: 8 }))
        pack(documentsOf([3, 3]), { strategy: 'pad', rowLength: 8 }).restore(state)
      },
      'pack: documents holds 2 items, the state was made after 3. Pass the same data.',
    ],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})

describe('split', () => {
  it('cuts into named pieces, weights with them, and leaves short documents as they are', () => {
    const long: Document = { id: 'long', source: 's', tokens: Int32Array.of(1, 2, 3, 4, 5), lossWeights: [1, 0, 1, 0, 1] }
    expect(split([texts[0]!, long], { pieceLength: 3 })).toEqual([
      texts[0],
      { id: 'long#0', source: 's', tokens: [1, 2, 3], lossWeights: [1, 0, 1] },
      { id: 'long#1', source: 's', tokens: [4, 5], lossWeights: [0, 1] },
    ])
    expect(split([texts[0]!], { pieceLength: 3 })[0]).toBe(texts[0])
  })
})

describe('utilisation', () => {
  it('counts tokens, padding, segments and loss tokens', () => {
    const weighed = documentsOf([3, 4, 2]).map((own, i) => (i === 1 ? { ...own, lossWeights: [0, 0, 1, 1] } : own))
    // rows of 5: [3 + 2], [4]; predicted are 2 + 1 tokens of the first row, 2 of the second
    const rows = [...pack(weighed, { strategy: 'best-fit', rowLength: 5 })]
    expect(utilisation(rows)).toEqual({ rows: 2, tokens: 9, padding: 1, segments: 3, lossTokens: 5, fraction: 0.9 })
    expect(utilisation([])).toEqual({ rows: 0, tokens: 0, padding: 0, segments: 0, lossTokens: 0, fraction: 0 })
  })
})
