//===- precisions.mjs - several precisions of one module, on Dawn ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: precisions.mjs MODULE
//
// MODULE has int8, int4-g32 and int2-g32, measured. Prints what is chosen within
// which bounds, and what each precision that is loaded says of itself.
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]);
const { determineBestVariant, listPrecisions, load } = await import(pathToFileURL(path));
const { gpu } = await openDawn();
const files = [];
const read = async (file, signal, onBytes) => {
  files.push(file);
  const bytes = new Uint8Array(await readFile(join(dirname(path), file)));
  onBytes?.(bytes.byteLength);
  return bytes;
};

async function show(what, promise) {
  try {
    console.log(`${what}: ${await promise}`);
  } catch (error) {
    console.log(`${what}: ${error.code}: ${error.message}`);
  }
}

const list = await listPrecisions({ read });
console.log(`all: ${list.map(({ name }) => name).join(" ")}`);
const [int8, int4, int2] = list;
const ordered = (key) => int8[key] > int4[key] && int4[key] > int2[key];
console.log(`more bits take more memory: ${ordered("memoryBytes") && ordered("packedBytes")}, ` +
  `are more accurate: ${ordered("accuracy")}`);

const best = async (bounds) => (await determineBestVariant({ read, backend: "webgpu", ...bounds })).name;
await show("without bounds", best({}));
await show("memory for 4 bits", best({ memory: int4.memoryBytes }));
await show("memory for 2 bits", best({ memory: int4.memoryBytes - 1 }));
await show("accuracy of 4 bits", best({ memory: int4.memoryBytes, minAccuracy: int4.accuracy }));
await show("too little memory", best({ memory: 1000 }));
await show("too much accuracy", best({ memory: int4.memoryBytes, minAccuracy: int8.accuracy }));
await show("an accuracy that is none", best({ minAccuracy: 95 }));
console.log(`files read for that: ${[...new Set(files)].join(" ")}`);

/** The manifest that a load asks for, before anything else is done. */
async function ask(options) {
  let asked;
  const stop = (file, ...rest) => {
    if (!asked && file.endsWith(".webgpu.json"))
      return read(file, ...rest);
    asked ??= file;
    throw new Error("that is all");
  };
  await load({ read: stop, ...options }).catch((error) => {
    if (!asked)
      throw error;
  });
  return asked;
}
await show("load", ask({}));
await show("load what was chosen", ask({ precision: int4 }));
await show("load within bounds", ask({ memory: int4.memoryBytes, backend: "webgpu" }));
await show("load an unknown one", ask({ precision: "int3" }));

const device = await (await gpu.requestAdapter()).requestDevice();
const model = await load({ read, device, precision: "int2-g32" });
const tokens = await model.generate([1, 2, 3], { maxTokens: 1 });
const { precision, memory } = model.report();
console.log(`loaded by name: ${precision}, memory as said: ${memory.total === int2.memoryBytes}, ` +
  `tokens: ${tokens.length}`);
process.exit(0);
