/** A block of uniforms: its WGSL, and its bytes for given values. */
export function uniformBlock<Name extends string>(fields: Readonly<Record<Name, 'i32' | 'f32'>>) {
  const names = Object.keys(fields) as Name[]
  const struct = `
struct Uniforms { ${names.map((name) => `${name}: ${fields[name]}`).join(', ')} }
@group(0) @binding(0) var<uniform> u: Uniforms;`
  const bytes = (values: Readonly<Record<Name, number>>): ArrayBuffer => {
    const view = new DataView(new ArrayBuffer(16 * Math.ceil(names.length / 4)))
    for (const [i, name] of names.entries()) {
      if (fields[name] === 'f32') view.setFloat32(4 * i, values[name], true)
      else view.setInt32(4 * i, values[name], true)
    }
    return view.buffer
  }
  return { struct, bytes }
}

/** Declares storage buffers from binding 1 on, in the order of the dispatch's buffers. */
export function bindings(buffers: readonly (readonly [name: string, type: string, access?: 'read_write'])[]): string {
  return buffers
    .map(([name, type, access = 'read'], i) => `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`)
    .join('\n')
}

/** The entry point: 64 threads; `task` counts workgroups over both axes of the dispatch, of which there are `u.tasks`. */
export const main = (body: string) => `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let lane = i32(index);
  let task = i32(group.x + group.y * groups.x);
  if (task >= u.tasks) { return; }
  ${body}
}`

/** `total(x)`: the sum over the workgroup, in one order, for every thread. */
export const workgroupSum = `
var<workgroup> addends: array<f32, 64>;
fn total(lane: i32, x: f32) -> f32 {
  workgroupBarrier();
  addends[lane] = x;
  for (var half = 32; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { addends[lane] += addends[lane + half]; }
  }
  workgroupBarrier();
  return addends[0];
}`

export const unroll = (count: number, line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join('\n')
