//===- descriptors.js - elements in memory, and what code is told of them -===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code takes memref descriptors: two addresses of 32 bits, allocated and aligned,
// then words of 64 bits: offset, extents, strides.
//
//===----------------------------------------------------------------------===//

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

/** All outputs, by name, whose descriptors are one behind the other. */
function readResults(engine, outputs, at) {
  const found = [];
  for (const tensor of outputs) {
    found.push([tensor.name, readResult(engine, tensor, at)]);
    at += descriptorBytes(tensor.shape.length);
  }
  // Properties of their own, also where one is called `__proto__`.
  return Object.fromEntries(found);
}
