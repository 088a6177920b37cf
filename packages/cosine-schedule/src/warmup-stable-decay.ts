import { halfCosine } from './cosine.ts'
import { checkSteps, type DecayOptions, decaying, type Schedule } from './schedule.ts'

const shapes = {
  linear: (x: number) => 1 - x,
  cosine: halfCosine,
  '1-sqrt': (x: number) => 1 - Math.sqrt(x),
}

export interface WarmupStableDecayOptions extends DecayOptions {
  /** Steps of the decay, the last of `totalSteps`. */
  readonly decaySteps: number
  /** With x from 0 to 1 over the decay: 'linear' (default) `1 − x`, 'cosine' `(1 + cos πx)/2`, '1-sqrt' `1 − √x`. */
  readonly decay?: keyof typeof shapes
}

/**
 * Warm-up, then `peak`, then over the last `decaySteps` down to `floor`.
 * @throws RangeError for options outside their ranges, and, from the schedule, for a negative step.
 * @see Hu et al. 2024 (MiniCPM), §4; Hägele et al. 2024, §3 (1-sqrt); transformers `get_wsd_schedule`
 */
export function warmupStableDecay(options: WarmupStableDecayOptions): Schedule {
  const { totalSteps, warmupSteps = 0, decaySteps, decay = 'linear' } = options
  checkSteps('warmupStableDecay: decaySteps', decaySteps, 0)
  if (warmupSteps + decaySteps > totalSteps)
    throw new RangeError(
      `warmupStableDecay: warmupSteps ${warmupSteps} and decaySteps ${decaySteps} exceed totalSteps ${totalSteps}, which includes both. Shorten them.`,
    )
  if (!Object.hasOwn(shapes, decay))
    throw new RangeError(`warmupStableDecay: decay is '${decay}'; choose 'linear' (default), 'cosine' or '1-sqrt'.`)
  return decaying('warmupStableDecay', options, (since, span) => {
    const decayed = since - (span - decaySteps)
    return decayed > 0 ? shapes[decay](decayed / decaySteps) : 1
  })
}
