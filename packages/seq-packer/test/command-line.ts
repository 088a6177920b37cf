import { execFile } from 'node:child_process'
import { resolve } from 'node:path'

/** Arguments of Node before those of the command line. */
export const node = ['--import', 'tsx', '--conditions=@repo/source', resolve(import.meta.dirname, '../src/cli/main.ts')]
export const options = { cwd: import.meta.dirname }

/** The command line in a process of its own; `shell` runs before it in the same shell. */
export function run(command: string, shell?: string): Promise<{ code: number; output: string }> {
  const [file, args]: [string, string[]] = shell
    ? ['bash', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...node, ...command.split(' ')]]
    : [process.execPath, [...node, ...command.split(' ')]]
  return new Promise((done) =>
    execFile(file, args, options, (error, out, err) => done({ code: Number(error?.code ?? 0), output: out + err })),
  )
}
