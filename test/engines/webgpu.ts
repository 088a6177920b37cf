// tfjs-backend-webgpu in Node, on Dawn.
import { registerFlashAttention } from 'flash-attn-tfjs/webgpu'
import { registerTrainingKernels } from 'llama-kernels-tfjs/webgpu'
import { afterEach, expect } from 'vitest'
import { startDawn } from '../support/dawn.ts'

const { errors } = await startDawn('webgpu', ['subgroups'])
registerFlashAttention()
registerTrainingKernels()

afterEach(() => {
  // an invalid pipeline gives zeros, and an error that nobody catches
  expect(errors.splice(0)).toEqual([])
})
