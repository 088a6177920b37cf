import { additionRnn, textClassifier } from '../../../test/support/layers-models.ts'
import type { Prepared } from '../../serve-peer.ts'

export type FitInput =
  | ({ readonly model: 'addition-rnn' } & Parameters<typeof additionRnn>[0])
  | ({ readonly model: 'text classifier' } & Parameters<typeof textClassifier>[0])

/** A step of `model.fit`, of a layers model that knows nothing of us. */
export function prepareFit(input: FitInput): Prepared {
  const { model, inputs, targets } = input.model === 'addition-rnn' ? additionRnn(input) : textClassifier(input)
  const losses: number[] = []
  return {
    async run() {
      const began = performance.now()
      losses.push((await model.trainOnBatch(inputs, targets)) as number)
      return { '': performance.now() - began }
    },
    check: () => losses.slice(0, 1),
    dispose() {
      model.dispose()
      model.optimizer.dispose()
      inputs.dispose()
      targets.dispose()
    },
  }
}
