/**
 * What the machine can do at most, seen from wasm: three loops as a module written byte by byte, so that nothing optimises them away.
 * `fma(n)`: n rounds of 12 independent `f32x4.relaxed_madd` on registers only: 96 n operations. `read(n)`: n bytes of the memory, summed.
 * `copy(n)`: n bytes from the memory's start to n.
 */
const numAccumulators = 12
export const flopsPerRound = numAccumulators * 8
export const memoryBytes = 2 ** 28

const [i32, f32, v128] = [0x7f, 0x7d, 0x7b]
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const constant = (value: number) => [0x41, ...signedLeb(value)]
const splat = [0xfd, 0x13]
const add = [0xfd, 0xe4, 0x01]
const relaxedMadd = [0xfd, 0x85, 0x02]
const loadAt = (offset: number) => [0xfd, 0x00, 0x04, ...leb(offset)]
const floatConstant = (value: number) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)]
const accumulators = Array.from({ length: numAccumulators }, (_, i) => i + 4)

// locals: 0 n, 1 address (i32); 2, 3 operands and 4 … 15 accumulators (v128)
const locals = [2, 1, i32, 2 + numAccumulators, v128]
/** Sum of the accumulators, so that they are needed. */
const result = [...get(4), ...accumulators.slice(1).flatMap((local) => [...get(local), ...add]), 0xfd, 0x1f, 0]
/** Repeats body while n, less by `step`, is positive. */
const repeat = (step: number, body: number[]) => [
  0x03,
  0x40,
  ...body,
  ...get(0),
  ...constant(step),
  0x6b,
  0x22,
  0,
  ...constant(0),
  0x4a,
  0x0d,
  0,
  0x0b,
]
const fma = [
  ...[...floatConstant(1e-3), ...splat, ...set(2), ...floatConstant(1e-3), ...splat, ...set(3)],
  ...repeat(
    1,
    accumulators.flatMap((local) => [...get(2), ...get(3), ...get(local), ...relaxedMadd, ...set(local)]),
  ),
  ...result,
]
const read = [
  ...repeat(128, [
    ...accumulators.slice(0, 8).flatMap((local, i) => [...get(1), ...loadAt(16 * i), ...get(local), ...add, ...set(local)]),
    ...[...get(1), ...constant(128), 0x6a, ...set(1)],
  ]),
  ...result,
]
const copy = [...get(0), ...constant(0), ...get(0), 0xfc, 10, 0, 0, ...floatConstant(0)]

const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content]
const code = (body: number[]) => {
  const bytes = [...locals, ...body, 0x0b]
  return [...leb(bytes.length), ...bytes]
}
const named = (name: string, kind: number, index: number) => [name.length, ...new TextEncoder().encode(name), kind, index]

export const loops = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 1, i32, 1, f32]),
  ...section(3, [3, 0, 0, 0]),
  ...section(5, [1, 0, ...leb(memoryBytes / 65536)]),
  ...section(7, [4, ...named('fma', 0, 0), ...named('read', 0, 1), ...named('copy', 0, 2), ...named('memory', 2, 0)]),
  ...section(10, [3, ...code(fma), ...code(read), ...code(copy)]),
)

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]
}

function signedLeb(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signedLeb(value >> 7)]
}
