import type { SchemaElement } from 'hyparquet'

/** The label that losses of PyTorch and Hugging Face leave out. */
export const ignored = -100

/** Metadata of the file, for reading back. */
export const keys = { rowLength: 'seq-packer.rowLength', paddingToken: 'seq-packer.paddingToken' }

const list = (name: string, type: 'INT32' | 'FLOAT'): SchemaElement[] => [
  { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type, repetition_type: 'REQUIRED' },
]

/** Columns of a file of rows, as `datasets` and the trainers over it name them. */
export function rowSchema(lossWeights: boolean): SchemaElement[] {
  const columns = [
    list('input_ids', 'INT32'),
    list('position_ids', 'INT32'),
    list('labels', 'INT32'),
    list('seq_lengths', 'INT32'),
    [{ name: 'padding', type: 'INT32', repetition_type: 'REQUIRED' } satisfies SchemaElement],
    ...(lossWeights ? [list('loss_weights', 'FLOAT')] : []),
  ]
  return [{ name: 'schema', num_children: columns.length }, ...columns.flat()]
}
