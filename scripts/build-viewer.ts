/**
 * Bundles selfinstruct's viewer: packages/selfinstruct/src/viewer/client/{main.ts,style.css} become src/viewer/client.generated.ts with script and style as
 * strings, and their hashes for the page's content security policy.
 *
 *   tsx scripts/build-viewer.ts             writes it
 *   tsx scripts/build-viewer.ts --check     writes nothing, fails where the committed file differs
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const folder = fileURLToPath(new URL('../packages/selfinstruct/src/viewer/', import.meta.url))
const target = `${folder}client.generated.ts`

async function bundle(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${folder}client/${file}`],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
  })
  return outputFiles[0]!.text.trim()
}

const lines = ['// Made by scripts/build-viewer.ts out of client/main.ts and client/style.css.']
for (const [name, file] of [
  ['script', 'main.ts'],
  ['style', 'style.css'],
] as const) {
  const text = await bundle(file)
  lines.push(`export const ${name}: string = ${JSON.stringify(text)}`)
  lines.push(`export const ${name}Hash: string = 'sha256-${createHash('sha256').update(text).digest('base64')}'`)
}
const made = `${lines.join('\n')}\n`
if (process.argv[2] !== '--check') writeFileSync(target, made)
else if (readFileSync(target, 'utf8') !== made) {
  console.error(`${target} is out of date: run pnpm build:viewer.`)
  process.exitCode = 1
}
