//===- npy.mjs - tensors in NumPy's files ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

import { readFileSync, writeFileSync } from "node:fs";

// Of types with the same arrays, the first is what an array without a type is.
const ARRAYS = {
  "<f4": Float32Array, "<i4": Int32Array, "<i8": BigInt64Array, "|b1": Uint8Array, "|u1": Uint8Array,
  "|i1": Int8Array, "<i2": Int16Array, "<u2": Uint16Array,
};

/** Elements and shape of a file, row-major. */
export function readNpy(path) {
  const bytes = readFileSync(path);
  const header = bytes.subarray(10, 10 + bytes.readUInt16LE(8)).toString();
  const type = header.match(/'descr': '([^']*)'/)[1];
  const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(",").map((part) => part.trim())
    .filter(Boolean).map(Number);
  const data = bytes.subarray(10 + bytes.readUInt16LE(8));
  return { shape, data: new ARRAYS[type](data.buffer.slice(data.byteOffset, data.byteOffset + data.length)) };
}

export function writeNpy(path, shape, data, type = Object.keys(ARRAYS).find((name) => data instanceof ARRAYS[name])) {
  let header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + "\n";
  const prefix = Buffer.from("\x93NUMPY\x01\x00\0\0", "latin1");
  prefix.writeUInt16LE(header.length, 8);
  const body = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(header), body]));
}
