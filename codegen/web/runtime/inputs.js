//===- inputs.js - what models are given, checked before it is used -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed arrays would take whatever they are given: a 1.5 becomes 1, or an error
// of the engine's own. So what callers hand over is looked at here, for shaders
// and for WebAssembly alike.
//
//===----------------------------------------------------------------------===//

/**
 * Floats of 8 bits are their bits, truth values bytes of 0 and 1. Floats of 16 bits
 * are in caches alone: inputs and outputs of models in them are f32.
 */
const ARRAYS = {
  i1: Uint8Array, i8: Int8Array, u8: Uint8Array, i16: Int16Array, u16: Uint16Array,
  i32: Int32Array, u32: Uint32Array, i64: BigInt64Array, u64: BigUint64Array,
  f8_e8m0: Uint8Array, f8_e4m3: Uint8Array, f8_e5m2: Uint8Array,
  f16: Uint16Array, bf16: Uint16Array, f32: Float32Array, f64: Float64Array,
};

const isWide = (Type) => Type === BigInt64Array || Type === BigUint64Array;

/** The least and the largest integer that an array of this type holds; nothing for floats. */
function findRange(Type) {
  if (Type === Float32Array || Type === Float64Array)
    return undefined;
  const bits = 8 * Type.BYTES_PER_ELEMENT;
  const isSigned = [Int8Array, Int16Array, Int32Array, BigInt64Array].includes(Type);
  const range = isSigned ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
    : [0n, 2n ** BigInt(bits) - 1n];
  return isWide(Type) ? range : range.map(Number);
}

/** Fails unless `inputs` are those of `known`, by name. */
function checkNames(known, inputs) {
  if (typeof inputs !== "object" || inputs === null)
    throw new LowbitError("bad-input",
      `run requires an object with an array for each input, found ${describeValue(inputs)}`);
  for (const name of Object.keys(inputs))
    if (!known.some((input) => input.name === name))
      throw new LowbitError("bad-input", `the model has no input '${name}'; it has ` +
        (known.map((input) => `'${input.name}'`).join(", ") || "none"));
  // What every object has, such as toString, nobody has given.
  for (const { name } of known)
    if (!Object.hasOwn(inputs, name))
      throw new LowbitError("bad-input", `input '${name}' is missing`);
}

/** The list of elements that an input was given, by itself or as `data` of an object. */
function findElements({ name, type }, value) {
  const isList = (list) => typeof list === "object" && Number.isSafeInteger(list?.length) && list.length >= 0;
  if (isList(value))
    return value;
  if (isList(value?.data))
    return value.data;
  throw new LowbitError("bad-input",
    `input '${name}' requires an array of ${type}, found ${describeValue(value)}`);
}

/** Fails unless each of `values` is a number, and one in `range` if there is such. */
function checkElements({ name, type }, values, range) {
  for (let i = 0; i < values.length; ++i) {
    const value = values[i], kind = typeof value;
    if (kind !== "number" && kind !== "bigint" && kind !== "boolean")
      throw new LowbitError("bad-input",
        `input '${name}' requires numbers (${type}), found ${describeValue(value)} at position ${i}`);
    const isWhole = kind !== "number" || Number.isInteger(value);
    if (range && !(isWhole && range[0] <= value && value <= range[1]))
      throw new LowbitError("bad-input",
        `input '${name}' requires whole numbers from ${range[0]} to ${range[1]} (${type}), found ` +
        `${value} at position ${i}`);
  }
}

/** Fails unless `values` are elements of an input's type, of which `Type` is the array. */
function checkType(input, values, Type) {
  const isFloat = Type === Float32Array || Type === Float64Array;
  const isTyped = ArrayBuffer.isView(values) && (isFloat || values instanceof Type);
  if (input.type === "i1")
    checkElements(input, values, [0, 1]);
  else if (!isTyped)
    checkElements(input, values, findRange(Type));
}

/** Indices into an embedding count from its end if they are negative. */
function checkIndices(tensor, elements) {
  const rows = tensor.tableRows;
  for (let i = 0; rows && i < elements.length; ++i)
    if (elements[i] < -rows || elements[i] >= rows)
      throw new LowbitError("bad-input",
        `input '${tensor.name}' must hold ids of ${-rows} to ${rows - 1}, found ` +
        `${elements[i]} at position ${i}`);
}

/** Elements as the array of their type; numbers become integers of 64 bits and back. */
function convert(Type, values) {
  if (values instanceof Type)
    return values;
  return Type.from(values, isWide(Type) ? BigInt : Number);
}
