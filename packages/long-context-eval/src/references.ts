/** One or several references as a list; throws if there are none. */
export function referenceList(who: string, references: string | readonly string[]): readonly string[] {
  const list = typeof references === 'string' ? [references] : references
  if (list.length === 0) throw new RangeError(`${who}: there are no references; pass a text or a list of at least one.`)
  return list
}
