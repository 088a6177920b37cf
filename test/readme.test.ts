// Every ```ts block of every README runs as it stands, in a process of its own, and prints what its comments say: `console.log(x) // y`.
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { blocksOf } from './support/readme.ts'
import { packages, root } from './support/workspace.ts'

const folder = join(root, 'node_modules/.cache/readme')
const tfjsBanner = /^=+\nHi, looks like you are running TensorFlow\.js in Node\.js\..*?\n=+$/ms
mkdirSync(folder, { recursive: true })
const blocks = ['README.md', ...packages.map(({ name }) => `packages/${name}/README.md`)].flatMap(blocksOf)

/** What the comments behind the `console.log` calls of `code` promise, in order. */
function promised(code: string): string[] {
  const lines: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'console.log') {
      const comment = /^[^\n]*?\/\/ ?(.*)/.exec(code.slice(node.getEnd()))
      lines.push(comment?.[1] ?? 'a console.log without a comment')
    }
    node.forEachChild(visit)
  }
  visit(ts.createSourceFile('block.ts', code, ts.ScriptTarget.Latest, true))
  return lines
}

async function run(code: string, i: number): Promise<string[]> {
  const file = join(folder, `${i}.mts`)
  writeFileSync(file, code)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--conditions=@repo/source', '--import=tsx', file], { cwd: root })
  expect(stderr.replace(tfjsBanner, '').trim(), 'written to stderr').toBe('')
  return stdout.split('\n').slice(0, -1)
}

test.each(packages)('$name has an example', ({ name }) => expect(blocksOf(`packages/${name}/README.md`)).not.toEqual([]))

test.concurrent.for(blocks.map(({ title, code }, i) => [title, code, i] as const))('%s', async ([, code, i]) =>
  expect(await run(code, i)).toEqual(promised(code)),
)
