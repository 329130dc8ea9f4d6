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
  f16: { array: Float32Array, toWord: Float32Array },
  bf16: { array: Float32Array, toWord: Float32Array },
};

/** The bytes of all in a list of a manifest. */
const sumBytes = (list) => list.reduce((sum, { bytes }) => sum + bytes, 0);

/** Fails unless `inputs` are those of `known`, by name. */
function checkNames(known, inputs) {
  for (const name of Object.keys(inputs))
    if (!known.some((input) => input.name === name))
      throw new LowbitError("bad-input", `the model has no input '${name}'; it has ` +
        known.map((input) => `'${input.name}'`).join(", "));
  for (const { name } of known)
    if (!(name in inputs))
      throw new LowbitError("bad-input", `input '${name}' is missing`);
}

/** An input's elements; errors name the input and what it requires. */
function readElements(buffer, data) {
  const values = ArrayBuffer.isView(data) || Array.isArray(data) ? data : data?.data;
  const count = countElements(buffer.shape);
  if (values?.length !== count)
    throw new LowbitError("bad-input",
      `input '${buffer.name}' requires ${count} elements (${buffer.shape.join(" x ")} ` +
      `${buffer.type}), found ${values?.length ?? "none"}`);
  return values;
}

/** An input's data as words. */
function toWords(buffer, data) {
  const type = WORDS[buffer.type] ?? WORDS.i32;
  const values = readElements(buffer, data);
  if (values instanceof type.toWord)
    return values;
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
