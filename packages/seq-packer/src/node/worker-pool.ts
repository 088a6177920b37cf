import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Batch, BatchResult, WorkerSettings } from './tokenize-worker.ts'

type Reply = { readonly result: BatchResult; readonly error?: never } | { readonly error: string }

/** Threads that encode. Each batch goes to the one with the least to do. */
export function workerPool(size: number, settings: WorkerSettings) {
  const threads = Array.from({ length: size }, () => {
    const worker = startWorker(settings)
    const waiting: { resolve(result: BatchResult): void; reject(error: Error): void }[] = []
    worker.on('message', (reply: Reply) => {
      const first = waiting.shift()
      if (reply.error === undefined) first?.resolve(reply.result)
      else first?.reject(new Error(reply.error))
    })
    let failure: Error | undefined
    const fail = (error: Error): void => {
      failure ??= error
      for (const { reject } of waiting.splice(0)) reject(error)
    }
    worker.on('error', fail)
    worker.on('exit', (code) => fail(new Error(`tokenizeToShards: a worker ended with exit code ${code}; was there enough memory?`)))
    return { worker, waiting, failure: () => failure }
  })
  return {
    run(batch: Batch): Promise<BatchResult> {
      const { worker, waiting, failure } = threads.reduce((least, own) => (own.waiting.length < least.waiting.length ? own : least))
      const failed = failure()
      if (failed) return Promise.reject(failed)
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        worker.postMessage(batch, [batch.bytes.buffer])
      })
    },
    close: async (): Promise<void> => {
      await Promise.all(threads.map(({ worker }) => worker.terminate()))
    },
  }
}

function startWorker(workerData: WorkerSettings): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./tokenize-worker.js', import.meta.url), { workerData })
  // not built yet, which Node 20 cannot run: the thread fetches a loader
  const loader = new URL('./index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api'))).href
  const source = `import(${JSON.stringify(loader)}).then(({ register }) => {
    register()
    return import(${JSON.stringify(new URL('./tokenize-worker.ts', import.meta.url).href)})
  })`
  return new Worker(source, { eval: true, execArgv: ['--conditions=@repo/source'], workerData })
}
