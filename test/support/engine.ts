import * as tf from '@tensorflow/tfjs-core'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    engine: string
  }
}

/** The engine that the vitest project names. Its set-up file in test/engines has started the backend and registered the kernels. */
export const engine = { name: inject('engine'), backend: tf.getBackend() } as const
