//===- descriptors.js - elements in memory, and what code is told of them -===//
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

/** Elements as the array of their type; numbers become integers of 64 bits and back. */
function convert(Type, values) {
  if (values instanceof Type)
    return values;
  return Type.from(values, isWide(Type) ? BigInt : Number);
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
