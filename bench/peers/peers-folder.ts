import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Where bench/setup-peers installs. */
export const peersFolder = fileURLToPath(new URL('../../node_modules/.cache/peers/', import.meta.url))

/** A CommonJS package that bench/setup-peers put into `folder`. */
export const loadPeer = (folder: string, name: string) => createRequire(`${peersFolder}${folder}/`)(name)
