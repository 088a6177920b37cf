/** A Node built-in module, or undefined outside Node: no import statement that a browser bundler could stumble over. */
export const nodeBuiltin = <Name extends NodeBuiltin>(name: Name): NodeBuiltins[Name] | undefined =>
  typeof process === 'object' && typeof process.getBuiltinModule === 'function'
    ? (process.getBuiltinModule(`node:${name}`) as NodeBuiltins[Name] | undefined)
    : undefined

interface NodeBuiltins {
  fs: typeof import('node:fs')
  module: typeof import('node:module')
  os: typeof import('node:os')
  path: typeof import('node:path')
  v8: typeof import('node:v8')
  worker_threads: typeof import('node:worker_threads')
}
type NodeBuiltin = keyof NodeBuiltins
