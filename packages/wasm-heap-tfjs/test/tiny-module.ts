// A module to test the pool with, made by `asc -O3 --noAssert --runtime stub --importMemory --noExportMemory --maximumMemory 65536`
// (AssemblyScript 0.28.20) from:
//
// export function mark(task: i32, thread: i32, base: usize): void { store<i32>(base + 4 * task, load<i32>(base + 4 * task) + 1); }
// export function wait(task: i32, thread: i32, base: usize, rounds: i32): void { const to = base + 4 * task; for (let i = 0; i < rounds; i++) store<f32>(to + 4096, load<f32>(to + 4096) + 1); store<i32>(to, thread + 1); }
// export function fail(task: i32, thread: i32, base: usize): void { if (task == 3) unreachable(); store<i32>(base + 4 * task, 1); }
// export function failInThread(task: i32, thread: i32, base: usize, rounds: i32): void { if (thread) unreachable(); wait(task, thread, base, rounds); }
export const tinyModule =
  'AGFzbQEAAAABDgJgBH9/f38AYAN/f38AAhIBA2VudgZtZW1vcnkCAQCAgAQDBQQAAQABByUEBG1hcmsAAQR3YWl0AAAEZmFpbAADDGZhaWxJblRocmVh' +
  'ZAACCr4BBEIBAX8gAiAAQQJ0aiEAA0AgAyAESgRAIABBgCBqIgIgAioCAEMAAIA/kjgCACAEQQFqIQQMAQsLIAAgAUEBajYCAAsXACACIABBAnRqIgAg' +
  'ACgCAEEBajYCAAtIAQF/IAEEQAALIAIgAEECdGohAANAIAMgBEoEQCAAQYAgaiICIAIqAgBDAACAP5I4AgAgBEEBaiEEDAELCyAAIAFBAWo2AgALGAAg' +
  'AEEDRgRAAAsgAiAAQQJ0akEBNgIACw=='
