/** Node's modules, found when they are needed, so that the package loads in a browser without them; undefined there. */
export function nodeModules() {
  const builtin = typeof process === 'undefined' ? undefined : process.getBuiltinModule
  return (
    builtin && {
      fs: builtin('node:fs/promises'),
      readSync: builtin('node:fs').readSync,
      path: builtin('node:path'),
      url: builtin('node:url'),
    }
  )
}
