import { unroll } from './shader.ts'

/** Rows and columns of a tile of a product, which a workgroup of 64 threads makes; a thread makes 4 × 4. */
export const TILE = 32
const DEPTH = 16

/** The tiles of both operands, by depth, four rows or columns to a vector. */
export const productTiles = `
var<workgroup> left: array<vec4<f32>, ${(DEPTH * TILE) / 4}>;
var<workgroup> right: array<vec4<f32>, ${(DEPTH * TILE) / 4}>;`

/**
 * `sum0 … sum3`, declared here: rows `row0 + 4y …` by columns `column0 + 4x …` of the product. `a` and `b` are WGSL functions (row, k) and
 * (column, k) that read an operand and give 0 outside of it; `depth` is the inner length.
 */
export const product = (a: string, b: string, depth: string) => `
${unroll(4, (r) => `var sum${r} = vec4<f32>(0.0);`)}
for (var k0 = 0; k0 < ${depth}; k0 += ${DEPTH}) {
  workgroupBarrier();
  for (var i = lane; i < ${(DEPTH * TILE) / 4}; i += 64) {
    // neighbours in k first: that is how most operands lie in memory
    let k = k0 + i % ${DEPTH};
    let at = (i % ${DEPTH}) * ${TILE / 4} + i / ${DEPTH};
    let m = row0 + 4 * (i / ${DEPTH});
    let n = column0 + 4 * (i / ${DEPTH});
    left[at] = vec4<f32>(${a}(m, k), ${a}(m + 1, k), ${a}(m + 2, k), ${a}(m + 3, k));
    right[at] = vec4<f32>(${b}(n, k), ${b}(n + 1, k), ${b}(n + 2, k), ${b}(n + 3, k));
  }
  workgroupBarrier();
  for (var k = 0; k < ${DEPTH}; k++) {
    let l = left[k * ${TILE / 4} + y];
    let r = right[k * ${TILE / 4} + x];
    sum0 += l.x * r;
    sum1 += l.y * r;
    sum2 += l.z * r;
    sum3 += l.w * r;
  }
}`
