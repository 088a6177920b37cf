// Blocks of rows move between the two ends of a channel, in browsers as in Node.
import { pack, prefetch, serveRows } from 'seq-packer'
import { expect, it } from 'vitest'

it('prefetch gives the rows that serveRows makes, and goes on at any of them', async () => {
  const documents = Array.from({ length: 40 }, (_, i) => ({
    id: `${i}`,
    source: 'texts',
    tokens: Array.from({ length: 1 + ((i * 13) % 29) }, (_, t) => 100 * i + t),
  }))
  const rows = () => pack(documents, { strategy: 'best-fit', rowLength: 32, buffer: 8 })
  const { port1, port2 } = new MessageChannel()
  serveRows(port2, rows())
  const stream = prefetch(port1, { ahead: 3 })
  const wanted = [...rows()]
  for (const from of [0, 4, 7]) {
    stream.restore({ kind: 'prefetch', before: null, skip: from })
    const taken = []
    for await (const row of stream) taken.push(row)
    expect(taken).toEqual(wanted.slice(from))
  }
  port1.close()
})
