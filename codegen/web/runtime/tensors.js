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

function countElements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** An input's data as words; errors name the input and what it requires. */
function toWords(buffer, data) {
  const type = WORDS[buffer.type] ?? WORDS.i32;
  const values = ArrayBuffer.isView(data) || Array.isArray(data) ? data : data?.data;
  const count = countElements(buffer.shape);
  if (values?.length !== count)
    throw new LowbitError("bad-input",
      `input '${buffer.name}' requires ${count} elements (${buffer.shape.join(" x ")} ` +
      `${buffer.type}), found ${values?.length ?? "none"}`);
  if (values instanceof type.toWord)
    return values;
  const words = new type.toWord(count);
  for (let i = 0; i < count; ++i)
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
