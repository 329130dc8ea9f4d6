//===- integers.mjs - integers of every width, in and out -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: integers.mjs MODULE WASM_MODULE
//
// Both are made of Inputs/integers.mlir: each input as floats, and those as what they
// were. A GPU has words of 32 bits for all of them.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const [path, wasmPath] = process.argv.slice(2, 4).map((name) => resolve(name));
const web = await import(pathToFileURL(path)), wasm = await import(pathToFileURL(wasmPath));
const { gpu } = await openDawn();
const read = readBeside(path);

const NUMBERS = {
  u8: Uint8Array.of(0, 1, 200, 255), i8: Int8Array.of(-128, -1, 0, 127),
  u16: Uint16Array.of(0, 1, 40000, 65535), i16: Int16Array.of(-32768, -1, 0, 32767),
  u32: Uint32Array.of(0, 1, 3000000000, 2 ** 32 - 256), i32: Int32Array.of(-(2 ** 31), -1, 0, 2 ** 30),
};
const LISTS = Object.fromEntries(Object.entries(NUMBERS).map(([name, data]) => [name, Array.from(data)]));

for (const [what, model] of [
  ["WebGPU", await web.load({ read, device: await (await gpu.requestAdapter()).requestDevice() })],
  ["WebAssembly", await web.load({ read, backend: "wasm" })],
  ["a module of WebAssembly", await wasm.load()],
]) {
  check(`${what}: types are ${model.inputs.map(({ type }) => type)}`,
    model.inputs.every(({ name, type }) => name === type));
  for (const inputs of [NUMBERS, LISTS]) {
    const outputs = await model.run(inputs);
    for (const [name, data] of Object.entries(NUMBERS)) {
      check(`${what}: ${name} is ${outputs[name]}`, outputs[name].join() === data.join());
      check(`${what}: ${name} is ${outputs[name].constructor.name}`, outputs[name] instanceof data.constructor);
      check(`${what}: ${name} as floats is ${outputs[`f_${name}`]}`, outputs[`f_${name}`].join() === data.join());
    }
  }
  for (const [name, value, range] of [
    ["u8", 256, "0 to 255"], ["u8", -1, "0 to 255"], ["i8", 128, "-128 to 127"], ["u16", 65536, "0 to 65535"],
    ["i16", -32769, "-32768 to 32767"], ["u32", -1, "0 to 4294967295"], ["i32", 2 ** 31, "-2147483648 to 2147483647"],
  ])
    await rejects(`${what}: ${name} of ${value}`, "bad-input", model.run({ ...LISTS, [name]: [0, value, 0, 0] }),
      `input '${name}' requires whole numbers from ${range} (${name}), found ${value} at position 1`);
}
finish();
