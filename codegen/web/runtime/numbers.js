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

/** The ids that a caller gave, as numbers. */
function readTokens(tokens) {
  if (typeof tokens === "string" || typeof tokens?.[Symbol.iterator] !== "function")
    throw new LowbitError("bad-input",
      `tokens require a list of ids, found ${typeof tokens}`);
  const list = Array.from(tokens), ids = list.map(Number);
  const wrong = ids.findIndex((id) => !Number.isSafeInteger(id));
  if (wrong >= 0)
    throw new LowbitError("bad-input",
      `token ${wrong} must be a whole number, found ${String(list[wrong])}`);
  return ids;
}

/** How many tokens are to be generated at most. */
function checkMaxTokens(count) {
  if (!(typeof count === "number" && count >= 0))
    throw new LowbitError("bad-input",
      `maxTokens requires a number of at least 0, found ${typeof count === "number" ? count : typeof count}`);
}

function countElements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
