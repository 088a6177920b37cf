/** An Int32Array that doubles when it is written past its end. */
export function growing(size: number) {
  let values = new Int32Array(size)
  return {
    get: (i: number): number => values[i]!,
    set(i: number, value: number): void {
      if (i >= values.length) {
        const wider = new Int32Array(2 * i)
        wider.set(values)
        values = wider
      }
      values[i] = value
    },
    upTo: (end: number): Int32Array => values.slice(0, end),
  }
}
