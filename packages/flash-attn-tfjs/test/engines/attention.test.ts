// One file, so that an engine starts once and a WebGPU device compiles each shader once.
import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { engine } from '../../../../test/support/engine.ts'
import './attention/definition.ts'
import './attention/documents.ts'
import './attention/not-finite.ts'
import './attention/random.ts'
import './attention/torch.ts'
import './attention/views.ts'

test('runs on the backend of its name', () => {
  expect(engine.backend).toBe(tf.getBackend())
})
