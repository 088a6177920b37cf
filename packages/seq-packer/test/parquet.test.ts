import fc from 'fast-check'
import { ByteWriter, parquetWriteBuffer } from 'hyparquet-writer'
import { pack, type Row } from 'seq-packer'
import { type ReadOptions, readRows, type WriteOptions, writeRows } from 'seq-packer/parquet'
import { describe, expect, it } from 'vitest'
import { documents, documentsOf, options, plain } from './support.ts'

async function written(rows: Iterable<Row>, options?: WriteOptions): Promise<ArrayBuffer> {
  const writer = new ByteWriter()
  await writeRows(rows, writer, options)
  return writer.getBuffer()
}
async function read(file: ArrayBuffer, options?: ReadOptions): Promise<string[][]> {
  const rows: string[][] = []
  for await (const row of readRows(file, options)) rows.push(plain(row))
  return rows
}

describe('Parquet', () => {
  it('gives rows back as they were, whatever the row groups, with and without padding', async () => {
    const settings = fc.record({
      padding: fc.constantFrom('keep' as const, 'drop' as const),
      lossWeights: fc.boolean(),
      paddingToken: fc.nat(5),
      rowGroup: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(documents, options, settings, async (documents, options, settings) => {
        fc.pre(documents.length > 0)
        const weighed = documents.map((own) => ({
          ...own,
          lossWeights: Array.from(own.tokens, (token) => (settings.lossWeights ? (token % 7) / 2 : token % 2)),
        }))
        const rows = [...pack(weighed, { ...options, paddingToken: settings.paddingToken })]
        const file = await written(rows, settings)
        expect(await read(file)).toEqual(rows.map(plain))
        const from = rows.length >> 1
        expect(await read(file, { from })).toEqual(rows.slice(from).map(plain))
      }),
      { numRuns: 60 },
    )
  })

  it('reads what TRL packs: input_ids and seq_lengths', async () => {
    const file = parquetWriteBuffer({
      columnData: [
        { name: 'input_ids', data: [[1, 2, 3, 4]] },
        { name: 'seq_lengths', data: [[3, 1]] },
      ],
      schema: [
        { name: 'schema', num_children: 2 },
        ...['input_ids', 'seq_lengths'].flatMap(
          (name) =>
            [
              { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
              { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
              { name: 'element', type: 'INT32', repetition_type: 'OPTIONAL' },
            ] as const,
        ),
      ],
    })
    expect(await read(file, { rowLength: 5 })).toEqual([['1,2,3,4,0', '1,1,1,2,0', '0,1,2,0,0', '0,1,1,0,0']])
  })

  it('says what is wrong, and what to do', async () => {
    const rows = pack([{ ...documentsOf([3])[0]!, lossWeights: [1, 0.5, 1] }], { strategy: 'pad', rowLength: 4 })
    await expect(written(rows)).rejects.toThrow(
      'writeRows: row 0 has the loss weight 0.5 at 1; labels tell only 0 and 1. Pass lossWeights: true.',
    )
    await expect(written([])).rejects.toThrow('writeRows: there are no rows to write. Are there documents, and do they fill a row?')
    const mixed = [4, 5].flatMap((rowLength) => [...pack(documentsOf([3]), { strategy: 'pad', rowLength })])
    await expect(written(mixed)).rejects.toThrow('writeRows: rows of 4 and of 5 tokens in one file. Pack all with one rowLength.')
    const texts = parquetWriteBuffer({ columnData: [{ name: 'text', data: ['a'] }] })
    await expect(read(texts)).rejects.toThrow('readRows: the file has no column input_ids, but text.')
    const file = await written(pack(documentsOf([3]), { strategy: 'pad', rowLength: 4 }))
    await expect(read(file, { rowLength: 2 })).rejects.toThrow('readRows: row 0 has 3 tokens, beyond the rowLength 2. Choose a longer one.')
  })
})
