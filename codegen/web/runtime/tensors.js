//===- tensors.js - numbers of the page and words of the GPU --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the GPU every element is a word of 32 bits. Integers of 64 bits and truth
// values are converted on the way.
//
//===----------------------------------------------------------------------===//

const WORDS = {
  f32: { array: Float32Array, toWord: Float32Array },
  i32: { array: Int32Array, toWord: Int32Array },
  i64: { array: BigInt64Array, toWord: Int32Array },
  i1: { array: Uint8Array, toWord: Int32Array },
};

/** The bytes of all in a list of a manifest. */
const sumBytes = (list) => list.reduce((sum, { bytes }) => sum + bytes, 0);

/** The array that a page has for an input's elements. */
const getPageArray = ({ type }) => ARRAYS[type] ?? Int32Array;

/** An input's elements; errors name the input and what it requires. */
function readElements(buffer, data) {
  const values = findElements(buffer, data);
  const count = countElements(buffer.shape);
  if (values.length !== count)
    throw new LowbitError("bad-input",
      `input '${buffer.name}' requires ${count} elements for shape ${printShape(buffer.shape)}, ` +
      `found ${values.length}`);
  checkType(buffer, values, getPageArray(buffer));
  checkIndices(buffer, values);
  return values;
}

/** An input's data as words. */
function toWords(buffer, data) {
  const type = WORDS[buffer.type] ?? WORDS.i32;
  const values = readElements(buffer, data);
  if (values instanceof type.toWord)
    return values;
  // Integers that fit into their own type may not into a word.
  if (isWide(getPageArray(buffer)))
    checkElements({ ...buffer, type: `${buffer.type} on a GPU` }, values,
      findRange(buffer.type === "u64" ? Uint32Array : Int32Array));
  const words = new type.toWord(values.length);
  for (let i = 0; i < values.length; ++i)
    words[i] = Number(values[i]);
  return words;
}

/** An output's words as the array that its type has in JavaScript. */
function fromWords(buffer, bytes) {
  const type = WORDS[buffer.type] ?? WORDS.i32;
  const count = countElements(buffer.shape);
  const words = new type.toWord(bytes, 0, count);
  if (type.array === type.toWord)
    return words;
  return type.array.from(words, type.array === BigInt64Array ? BigInt : undefined);
}
