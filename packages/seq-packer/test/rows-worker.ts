// The worker of prefetch.test.ts: a mix, packed; or rows that fail.
import { parentPort, workerData } from 'node:worker_threads'
import { mix, pack, serveRows } from 'seq-packer'
import { documentsOf } from './support.ts'

const documents =
  workerData === 'fail' ? [...documentsOf([3, 4]), { id: 'empty', source: 'texts', tokens: [] }] : documentsOf([3, 9, 4, 1, 12, 5])
const rows =
  workerData === 'fail'
    ? pack(documents, { strategy: 'pad', rowLength: 8 })
    : pack(mix({ documents }, { weights: { documents: 1 }, seed: 1, epochs: 9 }), { strategy: 'best-fit', rowLength: 8, buffer: 5 })
serveRows(parentPort!, rows)
