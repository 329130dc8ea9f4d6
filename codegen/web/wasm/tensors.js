//===- tensors.js - elements in memory, and what code is told of them -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code takes memref descriptors: two addresses of 32 bits, allocated and aligned,
// then words of 64 bits: offset, extents, strides.
//
//===----------------------------------------------------------------------===//

/** Floats of 8 and 16 bits are their bits, truth values are bytes of 0 and 1. */
const ARRAYS = {
  i1: Uint8Array, i8: Int8Array, u8: Uint8Array, i16: Int16Array, u16: Uint16Array,
  i32: Int32Array, u32: Uint32Array, i64: BigInt64Array, u64: BigUint64Array,
  f8_e8m0: Uint8Array, f8_e4m3: Uint8Array, f8_e5m2: Uint8Array,
  f16: Uint16Array, bf16: Uint16Array, f32: Float32Array, f64: Float64Array,
};

const isWide = (Type) => Type === BigInt64Array || Type === BigUint64Array;

function countElements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

const printShape = (shape) => `[${shape.join(", ")}]`;

/** Elements as the array of their type; numbers become integers of 64 bits and back. */
function convert(Type, values) {
  if (values instanceof Type)
    return values;
  return Type.from(values, isWide(Type) ? BigInt : Number);
}

/** What an input was given: its elements, and its shape if it says so. */
function readInput(tensor, value) {
  const data = ArrayBuffer.isView(value) || Array.isArray(value) ? value : value?.data;
  if (data?.length === undefined)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' requires an array of ${tensor.type}, found ` +
      (value === undefined ? "none" : typeof value));
  const shape = value.shape ?? value.dims;
  return { tensor, data, shape: shape && Array.from(shape, Number) };
}

/** The shape of an input that doesn't say it, from how many elements it has. */
function inferShape({ tensor, data }, symbols) {
  const shape = tensor.shape.map((extent) => symbols.get(extent) ?? extent);
  const open = shape.flatMap((extent, i) => typeof extent === "number" && extent >= 0 ? [] : [i]);
  if (open.length > 1)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' of shape ${printShape(tensor.shape)} requires its shape: ` +
      "give { data, shape }");
  if (open.length === 1) {
    const rest = countElements(shape.filter((_, i) => i !== open[0]));
    shape[open[0]] = rest ? Math.floor(data.length / rest) : 0;
  }
  return shape;
}

/** Checks extents against those declared, and those that symbols have elsewhere. */
function checkShape({ tensor, data, shape }, symbols) {
  if (shape.length !== tensor.shape.length)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' requires rank ${tensor.shape.length}, found ${printShape(shape)}`);
  for (const [i, extent] of shape.entries()) {
    const wanted = tensor.shape[i];
    if (!Number.isSafeInteger(extent) || extent < 0)
      throw new LowbitError("bad-input",
        `input '${tensor.name}': extent ${i} must be a whole number, found ${extent}`);
    if (typeof wanted === "string" && !symbols.has(wanted))
      symbols.set(wanted, extent);
    const known = typeof wanted === "string" ? symbols.get(wanted) : wanted;
    if (known >= 0 && extent !== known)
      throw new LowbitError("bad-input",
        `input '${tensor.name}': extent ${i} must be ${known}` +
        (typeof wanted === "string" ? `, as '${wanted}' is elsewhere` : "") + `, found ${extent}`);
  }
  if (countElements(shape) !== data.length)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' requires ${countElements(shape)} elements for shape ` +
      `${printShape(shape)}, found ${data.length}`);
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

const descriptorBytes = (rank) => 16 + 16 * rank;

/** Writes the descriptor of dense row-major elements. */
function writeDescriptor(engine, at, address, shape) {
  const view = engine.view(DataView, at, descriptorBytes(shape.length));
  view.setUint32(0, address, true);
  view.setUint32(4, address, true);
  view.setBigInt64(8, 0n, true);
  let stride = 1;
  for (let i = shape.length; i-- > 0; stride *= shape[i]) {
    view.setBigInt64(16 + 8 * i, BigInt(shape[i]), true);
    view.setBigInt64(16 + 8 * (shape.length + i), BigInt(stride), true);
  }
}

/** A copy of the elements that a descriptor describes, with their shape. */
function readResult(engine, tensor, at) {
  const rank = tensor.shape.length;
  const view = engine.view(DataView, at, descriptorBytes(rank));
  const shape = Array.from({ length: rank }, (_, i) => Number(view.getBigInt64(16 + 8 * i, true)));
  const Type = ARRAYS[tensor.type];
  const address = view.getUint32(4, true) +
    Number(view.getBigInt64(8, true)) * Type.BYTES_PER_ELEMENT;
  const elements = engine.view(Type, address, countElements(shape)).slice();
  return Object.assign(elements, { shape });
}
