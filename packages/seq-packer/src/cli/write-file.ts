import { renameSync, rmSync, writeFileSync } from 'node:fs'

// no space, beyond the quota, beyond the largest file allowed
const full = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** A whole file or none: written beside it, then put into its place. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const beside = `${path}.part`
  try {
    writeFileSync(beside, content, { flush: true })
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    if (!(error instanceof Error && 'code' in error && full.includes(String(error.code)))) throw error
    throw new Error(
      `${path}: no room on the disk for ${content.length.toLocaleString('en-US')} bytes. What is complete stays: free some room and run the same command again.`,
    )
  }
}
