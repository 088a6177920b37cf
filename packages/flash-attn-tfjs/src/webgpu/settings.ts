import type { Problem } from '../options.ts'
import type { Variant } from './wgsl/problem.ts'

/** What the device offers and the caller chose, settled at registration. */
export interface Settings {
  readonly tiles: 'f32' | 'f16'
  readonly subgroups: boolean
  /** Threads that share a row of a tile. With subgroups they are in one. */
  readonly threadsX: number
  readonly limits: GPUSupportedLimits
}

/** @throws RangeError when f16 tiles are asked for and the device cannot */
export function settingsOf(device: GPUDevice, tiles: 'f32' | 'f16'): Settings {
  if (tiles === 'f16' && !device.features.has('shader-f16')) {
    throw new RangeError(
      "registerFlashAttention: tiles is 'f16' and the device was made without the feature 'shader-f16'. Where the adapter has it, request " +
        "the device with requiredFeatures: ['shader-f16'] and make the backend with it; otherwise leave tiles out.",
    )
  }
  const subgroupSize = device.features.has('subgroups') ? smallestSubgroup(device) : 0
  const subgroups = subgroupSize >= 4
  return { tiles, subgroups, threadsX: subgroups ? Math.min(8, subgroupSize) : 8, limits: device.limits }
}

/** 0 where the engine does not tell. */
function smallestSubgroup(device: GPUDevice): number {
  const info: unknown = 'adapterInfo' in device ? device.adapterInfo : undefined
  if (typeof info !== 'object' || info === null || !('subgroupMinSize' in info)) return 0
  return Number(info.subgroupMinSize)
}

export function variantOf({ D, softcap, segments }: Problem, { tiles, subgroups }: Settings): Variant {
  return { D, softcap: softcap > 0, segments: segments !== null, tiles, subgroups }
}
