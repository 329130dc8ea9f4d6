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

/** The ids that a caller gave, as numbers: of a vocabulary of `words`, if that is known. */
function readTokens(tokens, words) {
  if (typeof tokens === "string" || typeof tokens?.[Symbol.iterator] !== "function")
    throw new LowbitError("bad-input",
      `tokens require a list of ids, found ${describeValue(tokens)}`);
  const list = Array.from(tokens), last = (words || 2 ** 31) - 1;
  for (const [i, id] of list.entries()) {
    if (typeof id !== "bigint" && !Number.isInteger(id))
      throw new LowbitError("bad-input",
        `token ${i} must be a whole number, found ${describeValue(id)}`);
    if (id < 0 || id > last)
      throw new LowbitError("bad-input", `token ${i} must be an id from 0 to ${last}` +
        `${words ? `, as the model knows ${words}` : ""}, found ${id}`);
  }
  return list.map(Number);
}

/** Fails unless the model may ever yield the token that is to end a text. */
function checkStopToken(token, words) {
  if (token != null && (token < 0 || token >= (words || 2 ** 31)))
    throw new LowbitError("bad-input",
      `stopToken must be an id from 0 to ${(words || 2 ** 31) - 1}, found ${token}`);
}

/** Fails unless a cache that has `room` holds a text of `count` tokens. */
function checkRoom(count, room) {
  if (count < 1)
    throw new LowbitError("bad-input", "a text requires at least one token, found none");
  if (count > room)
    throw new LowbitError("bad-input",
      `the KV cache has room for ${room} tokens, found ${count}; compile with a larger --max-length`);
}

/** Tokens that are generated where nobody says how many, if there is room for so many. */
const USUAL_COUNT = 32;

/**
 * How many tokens may be generated behind a prompt of `length` where `asked` are
 * asked for, also by a cache with `room`, if there is one: of the last token nothing
 * is computed. A number that has no room is an error; no number, and infinity, are
 * what there is room for.
 */
function chooseCount(length, asked, room = Infinity) {
  if (asked !== undefined && (!(Number.isInteger(asked) || asked === Infinity) || asked < 0))
    throw new LowbitError("bad-input",
      `maxTokens requires a whole number of at least 0, found ${describeValue(asked)}`);
  checkRoom(length, room);
  const left = room - length + 1;
  if (asked === undefined || asked === Infinity)
    return Math.min(asked ?? USUAL_COUNT, left);
  if (asked > left)
    throw new LowbitError("bad-input",
      `the KV cache has room for ${room} tokens, found a prompt of ${length} and maxTokens of ${asked}; ` +
      `ask for at most ${left}, or compile with a larger --max-length`);
  return asked;
}

const printShape = (shape) => `[${shape.join(", ")}]`;

function countElements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
