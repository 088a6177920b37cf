// Runs before every test file: the tfjs distribution (gradients, cpu backend), and a guard against stray console output.
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeEach, expect, vi } from 'vitest'

tf.env().set('IS_TEST', true) // silences tfjs's Node banner

const spies: ReturnType<typeof vi.spyOn>[] = []

beforeEach(() => {
  for (const method of ['log', 'info', 'warn', 'error'] as const) spies.push(vi.spyOn(console, method).mockImplementation(() => {}))
})

afterEach(() => {
  const calls = spies.flatMap((spy) => spy.mock.calls)
  for (const spy of spies.splice(0)) spy.mockRestore()
  expect(calls, 'a test or the code under it wrote to the console').toEqual([])
})
