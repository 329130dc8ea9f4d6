//===- tensors.js - numbers of the page and words of the GPU --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On the GPU every element is a word of 32 bits. Integers of 64 bits and truth
// values are converted on the way.
//
//===----------------------------------------------------------------------===//

/** What words of an element type are to the page; of all other types Int32Array. */
const WORDS = { f32: Float32Array, u32: Uint32Array, u64: Uint32Array };

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
  const Words = WORDS[buffer.type] ?? Int32Array;
  const values = readElements(buffer, data);
  if (values instanceof Words)
    return values;
  // Integers that fit into their own type may not into a word.
  if (isWide(getPageArray(buffer)))
    checkElements({ ...buffer, type: `${buffer.type} on a GPU` }, values,
      findRange(Words));
  const words = new Words(values.length);
  for (let i = 0; i < values.length; ++i)
    words[i] = Number(values[i]);
  return words;
}

/** An output's words as the array that its type has in JavaScript. */
function fromWords(buffer, bytes) {
  const Words = WORDS[buffer.type] ?? Int32Array, Type = getPageArray(buffer);
  const words = new Words(bytes, 0, countElements(buffer.shape));
  if (Type === Words)
    return words;
  // Of narrow integers the bits count.
  return Type.from(words, isWide(Type) ? BigInt : undefined);
}
