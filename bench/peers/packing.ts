/** seq-packer in a process of its own: plans of lengths, and rows of tokens. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pack, planRows } from 'seq-packer'
import { lengthsLikeTexts } from '../inputs.ts'
import type { Engine, Prepared } from '../serve-peer.ts'
import { residentMemory } from './memory.ts'

interface Plan {
  readonly documents: number
  readonly rowLength: number
  readonly buffer?: number
  /** Tokens and not lengths alone are packed, one document after the other. */
  readonly concat?: true
}

function plan({ documents, rowLength, buffer }: Plan): Prepared {
  const lengths = lengthsLikeTexts(documents, rowLength)
  let rows = 0
  return {
    run() {
      const began = performance.now()
      const { starts, fraction } = planRows(lengths, buffer === undefined ? { rowLength } : { rowLength, buffer })
      const took = performance.now() - began
      rows = starts.length - 1
      collect() // the plan before this one is not part of its memory
      return { '': took, utilisation: fraction }
    },
    check: () => [rows],
    dispose() {},
  }
}

function concat({ documents, rowLength }: Plan): Prepared {
  const lengths = lengthsLikeTexts(documents, rowLength)
  const texts = Array.from(lengths, (length, i) => ({ id: `${i}`, source: 'texts', tokens: new Int32Array(length).fill(i) }))
  let [rows, last] = [0, 0]
  return {
    run() {
      const began = performance.now()
      rows = 0
      for (const { tokens } of pack(texts, { strategy: 'concat', rowLength })) {
        rows++
        last = tokens[0]!
      }
      return { '': performance.now() - began }
    },
    check: () => [rows, last],
    dispose() {},
  }
}

const before = process.memoryUsage().rss
setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

export const start = async (): Promise<Engine> => ({
  works: { packing: (input: Plan) => (input.concat ? concat(input) : plan(input)) },
  memory: { ...residentMemory, peak: () => residentMemory.peak() - before },
})
