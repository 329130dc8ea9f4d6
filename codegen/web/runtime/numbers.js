//===- numbers.js - what scripts for GPUs and for WebAssembly count -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** The position of the largest number. */
function findLargest(numbers) {
  let best = 0;
  for (let i = 1; i < numbers.length; ++i)
    if (numbers[i] > numbers[best])
      best = i;
  return best;
}

function countElements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
