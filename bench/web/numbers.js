//===- numbers.js - what goes in, what comes out, how long it took --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

export const findMedian = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Numbers between -1 and 1, the same each time. */
export function makeInput(count) {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state / 2 ** 31;
  });
}

/** How far two results are apart, of the largest number; infinite, if one has more. */
export function compare(found, expected) {
  let difference = 0, largest = 0;
  for (let i = 0; i < expected.length; ++i) {
    difference = Math.max(difference, Math.abs(found[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return found.length === expected.length ? difference / largest : Infinity;
}
