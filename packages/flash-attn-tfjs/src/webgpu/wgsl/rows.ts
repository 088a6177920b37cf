/**
 * Rows of a key head. The G query heads that share a key head are stacked, so that row `t·G + g` is query `t` of head `k·G + g`: they
 * read the same keys, whatever G is, and a single query of a long cache fills G rows of a tile.
 * `head` counts key heads over the batch. Outside of the sequence a row is −1, which reads as zeros.
 */
export const rowIndices = `
fn queryRow(head: i32, row: i32) -> i32 {
  if (row >= p.T * p.G) { return -1; }
  let b = head / p.K;
  return (b * p.T + row / p.G) * p.H + (head - b * p.K) * p.G + row % p.G;
}
fn keyRow(head: i32, j: i32) -> i32 {
  if (j >= p.S) { return -1; }
  let b = head / p.K;
  return (b * p.S + j) * p.K + head - b * p.K;
}
// index into [B, H, T]
fn statistic(head: i32, row: i32) -> i32 {
  let b = head / p.K;
  return (b * p.H + (head - b * p.K) * p.G + row % p.G) * p.T + row / p.G;
}`

/** Element type of a tensor [..., D]: vectors where D allows. */
export const elementOf = (D: number) => (D % 4 === 0 ? 'vec4<f32>' : 'f32')

/** `load_<buffer>(row, column)`: four numbers from column `4·column` on; zeros outside. */
export function loadRow(buffer: string, D: number): string {
  const vectors = Math.ceil(D / 4)
  if (D % 4 === 0) {
    return `
fn load_${buffer}(row: i32, column: i32) -> vec4<f32> {
  if (row < 0 || column >= ${vectors}) { return vec4<f32>(0.0); }
  return ${buffer}[row * ${vectors} + column];
}`
  }
  return `
fn load_${buffer}(row: i32, column: i32) -> vec4<f32> {
  var x = vec4<f32>(0.0);
  if (row < 0) { return x; }
  for (var i = 0; i < 4 && 4 * column + i < ${D}; i++) { x[i] = ${buffer}[row * ${D} + 4 * column + i]; }
  return x;
}`
}

/** `store_<buffer>(row, column, x)`: the other way; writes nothing outside. */
export function storeRow(buffer: string, D: number): string {
  const vectors = Math.ceil(D / 4)
  if (D % 4 === 0) {
    return `
fn store_${buffer}(row: i32, column: i32, x: vec4<f32>) {
  if (row >= 0 && column < ${vectors}) { ${buffer}[row * ${vectors} + column] = x; }
}`
  }
  return `
fn store_${buffer}(row: i32, column: i32, x: vec4<f32>) {
  if (row < 0) { return; }
  for (var i = 0; i < 4 && 4 * column + i < ${D}; i++) { ${buffer}[row * ${D} + 4 * column + i] = x[i]; }
}`
}
