// What goes wrong is told in a sentence; the stack is for those who ask for it. Everything saved so far stays.
const remedies: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space',
  EROFS: 'the disk is read-only; choose another folder with --runs',
  EACCES: 'the folder may not be written to; choose another with --runs',
}

process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  const remedy = remedies[error.code ?? '']
  console.error(`\n${process.env.DEBUG ? error.stack : error.message}${remedy === undefined ? '' : `: ${remedy}`}`)
  if (!process.env.DEBUG) console.error('(what is finished is kept; the same command goes on from there. DEBUG=1 shows where it happened)')
  process.exit(1)
})
