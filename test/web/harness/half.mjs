//===- half.mjs - modules in 16-bit floats, from files to files -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: half.mjs FOLDER
//
// Runs FOLDER's model.js on WebAssembly, and its page.wasm.js, with inputs x.npy and
// z.npy in f32, and writes their outputs y and r as web.NAME.npy and page.NAME.npy.
//===----------------------------------------------------------------------===//

import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readBeside } from "./checks.mjs";
import { readNpy, writeNpy } from "./npy.mjs";

const folder = resolve(process.argv[2]);
const inputs = Object.fromEntries(["x", "z"].map((name) => [name, readNpy(join(folder, `${name}.npy`)).data]));
const models = { web: "model.js", page: "page.wasm.js" };
for (const [kind, file] of Object.entries(models)) {
  const path = join(folder, file);
  const { load } = await import(pathToFileURL(path));
  const model = await load(kind === "web" ? { backend: "wasm", read: readBeside(path) } : {});
  for (const { name, type } of [...model.inputs, ...model.outputs])
    if (type !== "f32")
      throw new Error(`${kind}: '${name}' is ${type}`);
  const outputs = await model.run(inputs);
  for (const { name, shape } of model.outputs) {
    if (!(outputs[name] instanceof Float32Array))
      throw new Error(`${kind}: '${name}' is given in ${outputs[name].constructor.name}`);
    writeNpy(join(folder, `${kind}.${name}.npy`), shape, outputs[name]);
  }
}
