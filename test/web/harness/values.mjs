//===- values.mjs - what modules give is what they declare ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: values.mjs MODULE.js MODULE.d.ts PROGRAM.mjs [--device]
//
// PROGRAM is what compile.mjs made of web-module.mts or wasm-module.mts. Runs it with
// MODULE, on WebAssembly and with --device on Dawn, too, and compares each value that
// the module gave it with the declarations: all that is declared is there, and
// nothing else. So it does with options, codes of errors, and exports. What the
// compiler refused is refused here.
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";
import { Declarations } from "./types.mjs";

const [module, types, user] = process.argv.slice(2, 5).map((file) => resolve(file));
const hasDevice = process.argv.includes("--device");
const declared = new Declarations(types);
const exported = await import(pathToFileURL(module));
const program = await import(pathToFileURL(user));
const text = await readFile(module, "utf8");
const read = readBeside(module);
const isWeb = "useModel" in program && "checkManifest" in program;

const same = (what, a, b) => {
  const [first, second] = [a, b].map((names) => [...names].sort().join(" "));
  check(`${what}: declared are ${first}, there are ${second}`, first === second);
};

/** Options that a function takes, as it says where it is given another one. */
async function listOptions(call) {
  try {
    await call({ "?": 0 });
  } catch ({ message }) {
    return /has no option '\?'; it has (.*)$/.exec(message)?.[1].split(", ") ?? [message];
  }
  return [];
}

/** The least that a model of the module is loaded with. */
const loadModel = (place) => exported.load(isWeb ? { ...place, start: "loaded" } : place);

async function compareOptions(place) {
  const model = await loadModel(place);
  for (const name of isWeb ? ["load", "determineBestVariant", "listPrecisions"] : ["load"])
    same(`options of ${name}`, declared.listOptions(name), await listOptions(exported[name]));
  if (isWeb || model.hasCache)
    same("options of generate", declared.listProperties("GenerateOptions"),
      await listOptions((options) => model.generate([3], options)));
  model.dispose();
}

/** Codes that the text of the module gives errors, and passes on as the code of others. */
function listCodes() {
  const codes = new Set();
  for (const [, code] of text.matchAll(/(?:LowbitError|asLowbitError|rejects)\((?:\w+, )?\s*"([a-z-]+)"/g))
    codes.add(code);
  for (const [, line] of text.matchAll(/const code = (.*);$/gm))
    for (const [, code] of line.matchAll(/"([a-z-]+)"/g))
      codes.add(code);
  return codes;
}

async function compareValues(place, values) {
  for (const [name, value] of values)
    for (const difference of declared.compare(value, name))
      check(difference, false);
  const names = new Set(values.map(([name]) => name));
  console.log(`${place.backend ?? (place.device ? "webgpu" : "wasm")}: ${values.length} values of ${[...names].sort().join(", ")}`);
}

async function tryMistakes(place) {
  const model = await loadModel(place);
  for (const [i, mistake] of program.mistakes.entries()) {
    let cause;
    try {
      await mistake(place, model);
    } catch (error) {
      cause = program.nameCause(error);
      for (const difference of declared.compare(error, "LowbitError"))
        check(difference, false);
    }
    check(`mistake ${i} is refused as bad-input, found ${cause}`, cause === "bad-input");
  }
  model.dispose();
}

const places = [isWeb ? { read, backend: "wasm" } : { read }];
if (hasDevice)
  places.push({ read, device: (await openDawn()).device });

same("exports", declared.values, Object.keys(exported));
same("codes of errors", declared.listTexts("LowbitError", "code"), listCodes());
for (const place of places) {
  const weights = isWeb ? undefined : await readFile(join(dirname(module), "module.safetensors"));
  await compareOptions(place);
  await compareValues(place, await program.useModel(place, weights));
  await tryMistakes(place);
}
if (isWeb) {
  const index = JSON.parse(await readFile(module.replace(/\.js$/, ".json"), "utf8"));
  for (const place of index.precisions ? places : [])
    await compareValues(place, await program.choosePrecision(place));
  check("grids, places and copies", program.checkManifest().join() === "2,8,1,1,1,128,1,1,1");
}
finish();
