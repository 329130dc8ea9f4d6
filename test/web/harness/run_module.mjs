//===- run_module.mjs - a web module on Dawn, from files to files ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: run_module.mjs MODULE [--input NAME=FILE.npy]... [--output NAME=FILE.npy]... [--generate N]
//        run_module.mjs MODULE --tokens FILE.npy [--logits FILE.npy] [--generate N]
// with --variant NAME for another variant than the device's features ask for,
// --features A,B for a device that has these, --workgroup-size N, --backend wasm
// for WebAssembly, and --precision NAME where the module has several
//
// naga, and Dawn's compiler, must accept each shader that a device without features
// runs, whatever variant runs here, and none of these may enable any; and so must
// they those in f16, whether or not the device has that. With
// --generate, continues the first tokens of the first input and prints them. The
// second form is for models with a KV cache: it predicts what follows half of the
// tokens, all but one, and all, and continues them all. With --refuse ID, a token
// that the model must refuse, prints why. Prints the report.
//===----------------------------------------------------------------------===//

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as naga from "naga-wasm";
import { explainDawn, explainNaga, openDawn } from "./dawn.mjs";
import { readNpy, writeNpy } from "./npy.mjs";

const [file, ...flags] = process.argv.slice(2);
const path = resolve(file);
const named = (flag) => flags.flatMap((text, i) => flags[i - 1] === flag ? [text.split("=")] : []);

const [[precision] = []] = named("--precision");
const manifest = JSON.parse(readFileSync(
  path.replace(/\.js$/, precision ? `.${precision}.json` : ".json"), "utf8"));
const base = new Set(Object.values(manifest.functions).flatMap(
  (schedule) => schedule.dispatches.map((dispatch) => dispatch.kernel)));
let accepted = 0, halves = 0;
for (const [name, code] of Object.entries(manifest.kernels)) {
  const isEnabled = /^enable /m.test(code), isHalf = /^enable f16;/m.test(code);
  let problem = isEnabled && base.has(name) ? "enables a feature" : explainNaga(naga, code);
  if (isHalf)
    problem ||= await explainDawn(code, ["shader-f16", "subgroups"]);
  if (problem) {
    console.error(`${name}: naga, or Dawn's compiler: ${problem}\n${code}`);
    process.exit(1);
  }
  accepted += !isEnabled;
  halves += isHalf;
}
console.log(`naga accepts ${accepted} shaders` + (halves ? `, and as Dawn does ${halves} in f16` : ""));

const { load } = await import(pathToFileURL(path));
const [[features = ""] = []] = named("--features");
const [[backend] = []] = named("--backend");
const { gpu, device } = backend === "wasm" ? {} : await openDawn(features ? features.split(",") : []);
// Where modules look for features of the language.
globalThis.navigator ??= {};
Object.defineProperty(globalThis.navigator, "gpu", { value: gpu });
// Dawn judges all shaders for which its device has what they need.
for (const [name, code] of Object.entries(device && !features ? manifest.kernels : {})) {
  if (/^enable /m.test(code))
    continue;
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
  for (const { type, lineNum, message } of messages)
    if (type === "error") {
      console.error(`${name}:${lineNum}: Dawn: ${message}`);
      process.exit(1);
    }
}
const read = async (name, signal, onBytes) => {
  const bytes = new Uint8Array(await readFile(join(dirname(path), name)));
  onBytes?.(bytes.byteLength);
  return bytes;
};
const [[variant] = []] = named("--variant");
const [[size] = []] = named("--workgroup-size");
const model = await load({
  backend, device, precision, read, variant, workgroupSize: size && Number(size),
});
const count = flags.includes("--generate") ? Number(flags[flags.indexOf("--generate") + 1]) : 0;
let tokens;
if (flags.includes("--tokens")) {
  const [[file]] = named("--tokens");
  tokens = Array.from(readNpy(file).data, Number);
  for (const length of [tokens.length >> 1, tokens.length - 1])
    await model.predict(tokens.slice(0, length));
  const logits = await model.predict(tokens);
  for (const [to] of named("--logits"))
    writeNpy(to, [1, 1, logits.length], logits);
} else {
  const inputs = Object.fromEntries(named("--input").map(([name, from]) => [name, readNpy(from).data]));
  const outputs = await model.run(inputs);
  for (const [name, to] of named("--output")) {
    const { shape, type } = model.outputs.find((output) => output.name === name);
    writeNpy(to, shape, outputs[name], type === "u8" ? "|u1" : undefined);
  }
  tokens = Array.from(Object.values(inputs)[0], Number).slice(0, 8);
}
if (count)
  console.log(`tokens ${(await model.generate(tokens, { maxTokens: count })).join(" ")}`);
for (const [id] of named("--refuse"))
  await model.predict([...tokens.slice(0, 2), Number(id)]).then(
    () => console.log(`took ${id}`),
    (error) => console.log(`refused: ${error.code}: ${error.message}`));
console.log(JSON.stringify(model.report(), null, 1));
model.dispose();
process.exit(0);
