//===- run_module.mjs - a web module on Dawn, from files to files ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: run_module.mjs MODULE [--input NAME=FILE.npy]... [--output NAME=FILE.npy]... [--generate N]
//
// naga must accept each shader, too. With --generate, continues the tokens of the
// first input and prints them. Prints the report.
//===----------------------------------------------------------------------===//

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseWgsl, validate } from "naga-wasm";
import { openDawn } from "./dawn.mjs";
import { readNpy, writeNpy } from "./npy.mjs";

const [file, ...flags] = process.argv.slice(2);
const path = resolve(file);
const named = (flag) => flags.flatMap((text, i) => flags[i - 1] === flag ? [text.split("=")] : []);

const manifest = JSON.parse(readFileSync(path.replace(/\.js$/, ".json"), "utf8"));
for (const [name, code] of Object.entries(manifest.kernels))
  try {
    validate(parseWgsl(code));
  } catch (error) {
    console.error(`${name}: naga: ${error.message}\n${code}`);
    process.exit(1);
  }
console.log(`naga accepts ${Object.keys(manifest.kernels).length} shaders`);

const { load } = await import(pathToFileURL(path));
const { device } = await openDawn();
const read = async (name, signal, onBytes) => {
  const bytes = new Uint8Array(await readFile(join(dirname(path), name)));
  onBytes?.(bytes.byteLength);
  return bytes;
};
const model = await load({ device, read });
const inputs = Object.fromEntries(named("--input").map(([name, from]) => [name, readNpy(from).data]));
const outputs = await model.run(inputs);
for (const [name, to] of named("--output"))
  writeNpy(to, model.outputs.find((output) => output.name === name).shape, outputs[name]);
const count = Number(flags[flags.indexOf("--generate") + 1]);
if (flags.includes("--generate")) {
  const tokens = Array.from(Object.values(inputs)[0], Number).slice(0, 8);
  console.log(`tokens ${(await model.generate(tokens, { maxTokens: count })).join(" ")}`);
}
console.log(JSON.stringify(model.report(), null, 1));
model.dispose();
process.exit(0);
