/** [first row, number of rows] of each chunk of at most 256 rows. */
export const chunks = (rows: number): [first: number, rows: number][] =>
  Array.from({ length: Math.ceil(rows / 256) }, (_, i) => [256 * i, Math.min(256, rows - 256 * i)])
