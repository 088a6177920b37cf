// One process per run folder. A lock by process id: unlike one by time stamps it holds through a step of minutes, and a killed process
// holds nothing.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Takes `folder` for this process until it ends. Throws when a living process has it. */
export function lockFolder(folder: string): void {
  const file = join(folder, 'pid')
  for (;;) {
    try {
      const handle = openSync(file, 'wx')
      writeSync(handle, String(process.pid))
      closeSync(handle)
      process.on('exit', () => rmSync(file, { force: true }))
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(readFileSync(file, 'utf8'))
    if (isAlive(owner))
      throw new Error(
        `${folder} is in use by process ${owner}; wait for it, or choose another --name. If there is no such run, delete ${file}`,
      )
    rmSync(file, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0) // signal 0 only asks
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
