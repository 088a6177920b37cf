export { runningMean } from './running-mean.ts'
