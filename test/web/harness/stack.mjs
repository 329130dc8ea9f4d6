//===- stack.mjs - how much of its stack WebAssembly uses -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: stack.mjs MODULE
//
// Runs a web module on WebAssembly with a stack full of a pattern, and looks how far
// down that is gone: not within the 64 KiB that the run time has besides.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside } from "./checks.mjs";

const PATTERN = 0xdeadbeef, RUNTIME = 64 << 10;
const path = resolve(process.argv[2]);
const { load } = await import(pathToFileURL(path));
const model = await load({ backend: "wasm", variant: "simd128", read: readBeside(path) });
const { exports } = model.scope.engine;
const bytes = exports.__stack_pointer.value;
const viewStack = () => new Uint32Array(exports.memory.buffer, 0, bytes / 4);
viewStack().fill(PATTERN);
if (model.maxTokens !== undefined)
  await model.generate(Array.from({ length: model.maxTokens - 2 }, (_, i) => i + 1), { maxTokens: 2 });
else
  await model.run(Object.fromEntries(model.inputs.map(({ name, shape }) =>
    [name, new Float32Array(shape.reduce((product, extent) => product * extent, 1)).fill(0.5)])));
const first = viewStack().findIndex((word) => word !== PATTERN);
const used = first < 0 ? 0 : bytes - 4 * first;
console.log(`${bytes} bytes of stack, ${used} used`);
check("the run time's share is left", used <= bytes - RUNTIME);
check("it is no more than known to be needed", bytes < 4 << 20);
finish();
