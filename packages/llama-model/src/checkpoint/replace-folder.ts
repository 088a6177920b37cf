import { nodeModules } from './node.ts'
import { type FileContent, writeFile } from './write-file.ts'

/**
 * Where a folder lies for the moment in which its successor takes its place. A process that dies in that moment leaves it there; then
 * `loadPretrained` reads it from there, and the next save replaces it.
 */
export const movedAway = '.old'

/**
 * Writes a folder of files, all or nothing: to `<dir>.tmp`, synced, renamed; what was there before is replaced. Node only.
 *
 * @throws before anything is written: RangeError when `dir` holds a file that `isOwn` does not know; Error with the system's cause when a
 *   write fails; what was there before is then untouched. `who` starts the message.
 */
export async function replaceFolder(
  who: string,
  dir: string,
  files: Readonly<Record<string, FileContent>>,
  isOwn: (name: string) => boolean,
): Promise<void> {
  const node = nodeModules()
  if (!node) throw new Error(`${who}: needs a file system (Node ≥ 20.19, Bun or Deno).`)
  const { fs, path } = node
  const target = path.resolve(dir)
  const other = (await fs.readdir(target).catch(ignoreMissing))?.find((name) => !isOwn(name))
  if (other !== undefined)
    throw new RangeError(`${who}: ${target} holds '${other}', which is not part of a model and would be lost; choose another folder.`)
  const [temporary, old] = [`${target}.tmp`, `${target}${movedAway}`]
  try {
    await fs.rm(temporary, { recursive: true, force: true })
    await fs.mkdir(temporary, { recursive: true })
    for (const [name, content] of Object.entries(files)) await writeFile(path.join(temporary, name), content)
    if (await exists(target)) await fs.rm(old, { recursive: true, force: true })
    await fs.rename(target, old).catch(ignoreMissing)
    await fs.rename(temporary, target)
    await fs.rm(old, { recursive: true, force: true })
  } catch (error) {
    await fs.rename(old, target).catch(() => {}) // puts back what was moved away; the first error is the one to hear about
    await fs.rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw new Error(`${who}: cannot write ${target}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

const exists = async (dir: string) => (await nodeModules()!.fs.stat(dir).catch(ignoreMissing)) !== undefined

function ignoreMissing(error: { code?: unknown }): undefined {
  if (error.code !== 'ENOENT') throw error
}
