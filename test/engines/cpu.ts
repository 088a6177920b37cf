// tfjs's JavaScript backend: every op of ours is composed.
import * as tf from '@tensorflow/tfjs-core'

await tf.setBackend('cpu')
