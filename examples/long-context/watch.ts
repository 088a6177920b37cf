// --watch: a page that draws the training under way.
import { type LanguageModel, lossByPosition } from 'long-context-eval'
import type { StepReport } from 'trainer'
import { livePage } from 'trainer/node'
import type { TextTokenizer } from './tokenizer.ts'

const everySeconds = 10 // between two looks at what the model can do: they cost a forward pass each

export interface Watch {
  /** What draws the steps of one training; they follow those of the one before. `row`: held-out text, for loss by position and a sample. */
  training(id: string, model: LanguageModel, row: Int32Array, tokenizer: TextTokenizer): (report: StepReport) => Promise<void>
}

/** Serves the page on `port`, 0 for a free one, and prints where; without a port nothing is served. */
export async function watchTraining(port: number | undefined): Promise<Watch> {
  if (port === undefined) return { training: () => async () => {} }
  const page = await livePage({ title: 'Long-context recipe', port })
  console.log(`watch   ${page.url}`)
  let [before, looked] = [0, 0]
  return {
    training(id, model, row, tokenizer) {
      const offset = before
      return async (report) => {
        const step = offset + report.step
        before = step
        page.report({ ...report, step })
        if (performance.now() - looked < 1000 * everySeconds) return
        looked = performance.now()
        const binSize = Math.ceil(row.length / 32)
        const bins = await lossByPosition(model, [row], { binSize })
        page.lossByPosition(
          step,
          bins.map(({ loss }) => loss),
          binSize,
        )
        const prompt = row.subarray(1, Math.min(48, row.length / 2))
        const made = await model.generate(Int32Array.from(prompt), { maxNewTokens: 32 })
        page.sample(step, `${id}: ${tokenizer.decode(prompt)} → ${tokenizer.decode(made)}`)
      }
    },
  }
}
