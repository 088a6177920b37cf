/** Mean of absolute values, summed in float64: what the numbers of all peers are compared by. */
export const meanSize = (values: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!)
  return sum / values.length
}
