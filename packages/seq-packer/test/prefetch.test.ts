import { Worker } from 'node:worker_threads'
import * as tf from '@tensorflow/tfjs-core'
import { type AsyncResumable, mix, pack, prefetch, type Row, serveRows } from 'seq-packer'
import { batches } from 'seq-packer/tfjs'
import { afterEach, describe, expect, it } from 'vitest'
import { expectNoLeaks } from '../../../test/support/leaks.ts'
import { documentsOf, plain } from './support.ts'

// a worker gets no loader for TypeScript, so it fetches one
const source = `import('tsx/esm/api').then(({ register }) => {
  register()
  return import(${JSON.stringify(new URL('./rows-worker.ts', import.meta.url).href)})
})`
const execArgv = ['--conditions=@repo/source']
const workers: Worker[] = []
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
})
function worker(workerData?: string): Worker {
  const made = new Worker(source, { eval: true, execArgv, workerData })
  workers.push(made)
  return made
}
async function take(rows: AsyncResumable<Row>, count: number): Promise<string[][]> {
  const taken: string[][] = []
  while (taken.length < count) {
    const { value, done } = await rows.next()
    if (done) break
    taken.push(plain(value))
  }
  return taken
}
const documents = documentsOf([3, 9, 4, 1, 12, 5])
const here = () =>
  pack(mix({ documents }, { weights: { documents: 1 }, seed: 1, epochs: 9 }), { strategy: 'best-fit', rowLength: 8, buffer: 5 })
const wanted = [...here()].map(plain)

describe('prefetch', () => {
  it('gives the rows of the worker in order, whatever the block', async () => {
    for (const ahead of [1, 3, 1000]) expect(await take(prefetch(worker(), { ahead }), 1000)).toEqual(wanted)
  })

  it('goes on at any row, in the same and in another worker', async () => {
    const first = prefetch(worker(), { ahead: 4 })
    const second = prefetch(worker(), { ahead: 3 })
    for (const count of [0, 1, 4, 5, 11]) {
      first.restore({ kind: 'prefetch', before: null, skip: 0 })
      expect(await take(first, count)).toEqual(wanted.slice(0, count))
      const state = JSON.parse(JSON.stringify(first.state()))
      await take(first, 6)
      first.restore(state)
      expect(first.state()).toEqual(state)
      second.restore(state)
      expect(await take(second, 7)).toEqual(wanted.slice(count, count + 7))
      expect(await take(first, 1000)).toEqual(wanted.slice(count))
    }
  })

  it('works through a MessageChannel, as browsers have it', async () => {
    const { port1, port2 } = new MessageChannel()
    serveRows(port2, here())
    expect(await take(prefetch(port1, { ahead: 2 }), 1000)).toEqual(wanted)
    port1.close()
  })

  it('rejects with what the worker throws', async () => {
    const rows = prefetch(worker('fail'), { ahead: 8 })
    await expect(take(rows, 9)).rejects.toThrow("document 'empty' of source 'texts' has no tokens. Leave out empty documents.")
    expect(() => rows.restore(null)).toThrow("prefetch.restore: got null; it must be what prefetch's state() returned.")
  })

  it('makes batches that come later, and leaks none', async () => {
    const all = batches(here(), 4)
    const data = batches(prefetch(worker(), { ahead: 3 }), 4)
    await data.next().then(({ value }) => tf.dispose({ ...value! }))
    const state = data.state()
    data.restore(state)
    tf.dispose({ ...all.next().value! })
    await expectNoLeaks(async () => {
      for await (const batch of data) {
        const own = all.next().value!
        expect(batch.tokens.arraySync()).toEqual(own.tokens.arraySync())
        tf.dispose([{ ...batch }, { ...own }])
      }
    })
    expect(all.next().done).toBe(true)
  })
})
