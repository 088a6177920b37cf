import { nodeModules } from './node.ts'

/** Content of a file: one part, or parts that are made one after the other. */
export type FileContent = string | Uint8Array | (() => AsyncIterable<Uint8Array>)

/** Writes a file and waits until it is on the disk. Node only. */
export async function writeFile(file: string, content: FileContent): Promise<void> {
  const handle = await nodeModules()!.fs.open(file, 'w')
  try {
    for await (const part of typeof content === 'function' ? content() : [content]) await handle.writeFile(part)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
