/** Node's modules, found when a checkpoint function runs, so that the package loads in a browser without them. */
export function nodeModules(who: string) {
  const builtin = typeof process === 'undefined' ? undefined : process.getBuiltinModule
  if (!builtin)
    throw new Error(`${who}: needs a file system (Node ≥ 20.19, Bun or Deno). In a browser train without the checkpoint option.`)
  return {
    fs: builtin('node:fs/promises'),
    path: builtin('node:path'),
    crypto: builtin('node:crypto'),
    threads: builtin('node:worker_threads'),
  }
}

/** Makes a finished write survive a power cut: files by themselves, folders so that their entries do. */
export async function syncFolder(who: string, dir: string): Promise<void> {
  const { fs } = nodeModules(who)
  if (process.platform === 'win32') return // folders cannot be opened there
  const handle = await fs.open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes `text` and waits until it is on the disk. */
export async function writeText(who: string, file: string, text: string): Promise<void> {
  const { fs } = nodeModules(who)
  const handle = await fs.open(file, 'w')
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What a failed write means, with the system's own words as the cause. */
export function writeError(who: string, target: string, consequence: string, error: unknown): Error {
  const code = (error as { code?: unknown } | null)?.code
  const why =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk is full. Free space or lower keepLast'
      : code === 'EFBIG'
        ? 'the file grew past a size limit. Raise it (ulimit -f) or choose another disk'
        : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
          ? 'the folder is read-only. Choose one this process may write to'
          : code === 'ENOTDIR' || code === 'EEXIST'
            ? 'a file is in the way. Choose another folder'
            : error instanceof Error
              ? error.message
              : String(error)
  return new Error(`${who}: cannot write ${target} (${typeof code === 'string' ? code : 'failed'}): ${why}. ${consequence}`, {
    cause: error,
  })
}
