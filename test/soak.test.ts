import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './support/workspace.ts'

/** A process that has to end by itself. */
const run = (simd: 'relaxed' | 'simd') =>
  JSON.parse(
    execFileSync(process.execPath, ['--conditions=@repo/source', '--import=tsx', join(root, 'test/soak/calls.ts'), simd], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 150_000,
    })
      .trim()
      .split('\n')
      .at(-1)!,
  )

test.each(['relaxed', 'simd'] as const)(
  '%s: 10,000 calls of each op leave no tensor and no heap behind, the process ends, and a second one gives the same bits',
  (simd) => {
    const [first, second] = [run(simd), run(simd)]
    expect(first.grown).toEqual({})
    expect(second).toEqual(first)
  },
  300_000,
)
