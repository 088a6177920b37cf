/** A chat server that works on SEATS requests at a time, MILLISECONDS each: chat-server.ts SEATS MILLISECONDS prints its base URL. */
import { scriptedServer } from '../../packages/selfinstruct/test/faults/server.ts'

const [seats = 0, milliseconds = 0] = process.argv.slice(2).map(Number)
const waiting: (() => void)[] = []
let busy = 0

function work(): void {
  while (busy < seats && waiting.length > 0) {
    const send = waiting.shift()!
    busy++
    setTimeout(() => {
      busy--
      send()
      work()
    }, milliseconds)
  }
}
const { baseURL } = await scriptedServer(0, (send) => {
  waiting.push(send)
  work()
})
console.log(baseURL)
