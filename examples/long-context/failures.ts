// What goes wrong is told in a sentence; the stack is for those who ask for it. Everything saved so far stays.
process.on('uncaughtException', (error) => {
  console.error(`\n${process.env.DEBUG ? error.stack : error.message}`)
  if (!process.env.DEBUG) console.error('(what is finished is kept; the same command goes on from there. DEBUG=1 shows where it happened)')
  process.exit(1)
})
