import { connect } from 'node:net'

const TIMEOUT_MS = 20_000

/** Throws where nothing takes a connection: a wrong URL is told at once, and not after all the tries of a run. Sends nothing. */
export async function checkReachable(baseURL: string): Promise<void> {
  const { hostname, port, protocol } = new URL(baseURL)
  await new Promise<void>((resolve, reject) => {
    const unreachable = (why: string): void =>
      reject(new Error(`--chat-url ${baseURL} cannot be reached (${why}). Is the server running, and are host and port right?`))
    const host = hostname.replace(/^\[|\]$/g, '') // of an IPv6 address
    const socket = connect({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80), timeout: TIMEOUT_MS })
    socket.once('connect', resolve)
    socket.once('error', (error) => unreachable(Object(error).code ?? error.message))
    socket.once('timeout', () => unreachable(`no answer in ${TIMEOUT_MS / 1000} s`))
    socket.once('close', resolve) // after one of these
    for (const event of ['connect', 'error', 'timeout']) socket.once(event, () => socket.destroy())
  })
}
