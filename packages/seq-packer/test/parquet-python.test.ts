import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-core'
import { ByteWriter } from 'hyparquet-writer'
import { initParams, loss } from 'llama-model'
import { readRows, writeRows } from 'seq-packer/parquet'
import { batches } from 'seq-packer/tfjs'
import { expect, it } from 'vitest'
import { expectClose } from '../../../test/support/close.ts'
import { config, rows } from './golden/rows.ts'
import { plain, segmentsOf } from './support.ts'

type Lists = Readonly<Record<string, (number | number[])[]>>
const golden: {
  readonly schema: Readonly<Record<string, string>>
  readonly rows: Lists
  readonly trainerLoss: number
  readonly paddingFreeLoss: number
  readonly trl: { readonly input_ids: number[][]; readonly seq_lengths: number[][] }
} = JSON.parse(readFileSync(new URL('./golden/parquet.json', import.meta.url), 'utf8'))

it('pyarrow and datasets read the rows that were written', async () => {
  const list = 'list<element: int32 not null>'
  expect(golden.schema).toEqual({ input_ids: list, position_ids: list, labels: list, seq_lengths: list, padding: 'int32' })
  const own = rows()
  expect(golden.rows.input_ids).toEqual(own.map(({ tokens }) => Array.from(tokens)))
  expect(golden.rows.labels).toEqual(
    own.map(({ tokens, lossWeights }) => Array.from(tokens, (token, t) => (lossWeights[t] ? token : -100))),
  )
  const writer = new ByteWriter()
  await writeRows(own, writer)
  for await (const row of readRows(writer.getBuffer())) expect(plain(row)).toEqual(plain(own.shift()!))
  expect(own).toEqual([])
})

it("one step of transformers' trainer and TRL's padding-free batch have the loss that llama-model has", () => {
  const params = initParams(config, 1)
  const all = rows()
  const batch = batches(all, all.length).next().value!
  const own = loss(params, config, batch)
  // float32 on both sides, sums in another order
  expectClose(own.dataSync(), [golden.trainerLoss], { rtol: 2e-6 })
  expectClose(own.dataSync(), [golden.paddingFreeLoss], { rtol: 2e-6 })
  tf.dispose([params, { ...batch }, own])
})

it('reads what TRL packed and datasets wrote', async () => {
  const bytes = readFileSync(new URL('./golden/trl.parquet', import.meta.url))
  const read: number[][][] = []
  for await (const row of readRows(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))) read.push(segmentsOf(row))
  expect(read.map((row) => row.flat())).toEqual(golden.trl.input_ids)
  expect(read.map((row) => row.map(({ length }) => length))).toEqual(golden.trl.seq_lengths)
})
