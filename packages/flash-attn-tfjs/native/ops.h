#pragma once

// Registers the TensorFlow ops FlashAttnTfjs1 and FlashAttnTfjs1Grad for CPU, unless another copy of this library has.
// Returns null, or what went wrong. The number in the name grows with every change of inputs or attributes.
const char* registerOps();
