/** The object or array of a reply that is JSON, in a code fence or not, after `<think>` or not; undefined for anything else. */
export function jsonIn(reply: string): unknown {
  const said = reply.replace(/^[\s\S]*<\/think(?:ing)?>/i, '').trim()
  const text = /^```\w*\n([\s\S]*?)\n?```$/.exec(said)?.[1] ?? said
  if (!/^[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
