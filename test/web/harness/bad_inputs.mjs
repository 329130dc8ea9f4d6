//===- bad_inputs.mjs - what modules are given, and must refuse -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: bad_inputs.mjs NAMES.js NAMES.wasm.js DECODER.js DECODER.wasm.js
//
// NAMES is made of Inputs/names.mlir; DECODER has a KV cache of 32 tokens and a
// vocabulary of 64. Each is a web module, which runs on Dawn and on its WebAssembly,
// and a module of WebAssembly alone. Checks that whatever is refused has a code, and
// is refused in the same words by all.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const paths = process.argv.slice(2).map((path) => resolve(path));
const [names, wasmNames, decoder, wasmDecoder] =
  await Promise.all(paths.map((path) => import(pathToFileURL(path))));
const { gpu } = await openDawn();
const newDevice = async () => (await gpu.requestAdapter()).requestDevice();
const readOf = (module) => readBeside(paths[[names, wasmNames, decoder, wasmDecoder].indexOf(module)]);

/** The model of a web module on both back ends, and that of a module of WebAssembly. */
async function loadAll(web, wasm) {
  return [
    ["WebGPU", web, await web.load({ read: readOf(web), device: await newDevice() })],
    ["WebAssembly", web, await web.load({ read: readOf(web), backend: "wasm" })],
    ["a module of WebAssembly", wasm, await wasm.load()],
  ];
}

/** What `call` is refused for; checks that it is, by an error that says so. */
async function refuse(what, { LowbitError }, call, wanted, code = "bad-input") {
  try {
    await call();
    check(`${what}: was not refused`, false);
  } catch (error) {
    check(`${what}: found ${error.code ?? "no code"}: ${error.message}`,
      error instanceof LowbitError && error.code === code && error.message === wanted);
  }
}

const x = [1, 2, 3, 4], n = [5, -6, 7, -8], m = [1, 0, true, false];
// A name in quotes would set the prototype.
const inputs = { ["__proto__"]: x, constructor: n, toString: m };
const given = (change) => ({ ...inputs, ...change });

async function computeWithNames(models) {
  for (const [what, , model] of models)
    for (const [kind, set] of [["lists", inputs], ["arrays", {
      ["__proto__"]: Float32Array.from(x), constructor: BigInt64Array.from(n, BigInt),
      toString: { data: Uint8Array.from(m, Number) } }]]) {
      const outputs = await model.run(set);
      check(`${what}, ${kind}: outputs are properties of their own`,
        Object.keys(outputs).join() === "__proto__,toString");
      check(`${what}, ${kind}: they have shapes`,
        Object.values(outputs).every(({ shape }) => Array.isArray(shape) && shape.join() === "4"));
      check(`${what}, ${kind}: y = m ? x + n : x`,
        Array.from(outputs["__proto__"]).join() === "6,2,10,4" && Array.from(outputs.toString).join() === "6,-4,10,-4");
    }
}

/** What `run` refuses, and in which words. */
const RUNS = [
  [undefined, "run requires an object with an array for each input, found undefined"],
  [null, "run requires an object with an array for each input, found null"],
  ["x", "run requires an object with an array for each input, found 'x'"],
  [{}, "input '__proto__' is missing"],
  [{ ["__proto__"]: x, constructor: n }, "input 'toString' is missing"],
  [{ "__proto__": x, constructor: n, toString: m }, "input '__proto__' is missing"],
  [given({ valueOf: x }), "the model has no input 'valueOf'; it has '__proto__', 'constructor', 'toString'"],
  [given({ constructor: undefined }), "input 'constructor' requires an array of i64, found undefined"],
  [given({ constructor: 5 }), "input 'constructor' requires an array of i64, found 5"],
  [given({ constructor: "5678" }), "input 'constructor' requires an array of i64, found '5678'"],
  [given({ constructor: Symbol("n") }), "input 'constructor' requires an array of i64, found Symbol(n)"],
  [given({ constructor: () => n }), "input 'constructor' requires an array of i64, found a function"],
  [given({ constructor: { length: -1 } }), "input 'constructor' requires an array of i64, found an object"],
  [given({ constructor: { data: 5 } }), "input 'constructor' requires an array of i64, found an object"],
  [given({ constructor: new DataView(new ArrayBuffer(32)) }), "input 'constructor' requires an array of i64, found an object"],
  [given({ constructor: [5, 6, 7] }), "input 'constructor' requires 4 elements for shape [4], found 3"],
  [given({ constructor: [5, 1.5, 7, 8] }), "input 'constructor' requires whole numbers from -9223372036854775808 to 9223372036854775807 (i64), found 1.5 at position 1"],
  [given({ constructor: Float64Array.of(5, 6, NaN, 8) }), "input 'constructor' requires whole numbers from -9223372036854775808 to 9223372036854775807 (i64), found NaN at position 2"],
  [given({ constructor: [5, 6, 7, Infinity] }), "input 'constructor' requires whole numbers from -9223372036854775808 to 9223372036854775807 (i64), found Infinity at position 3"],
  [given({ constructor: [5n, 6n, 7n, 2n ** 63n] }), "input 'constructor' requires whole numbers from -9223372036854775808 to 9223372036854775807 (i64), found 9223372036854775808 at position 3"],
  [given({ constructor: ["5", 6, 7, 8] }), "input 'constructor' requires numbers (i64), found '5' at position 0"],
  [given({ constructor: [5, null, 7, 8] }), "input 'constructor' requires numbers (i64), found null at position 1"],
  [given({ constructor: [5, 6, , 8] }), "input 'constructor' requires numbers (i64), found undefined at position 2"],
  [given({ constructor: [5, 6, 7, {}] }), "input 'constructor' requires numbers (i64), found an object at position 3"],
  [given({ constructor: [5, 6, 7, [8]] }), "input 'constructor' requires numbers (i64), found an array at position 3"],
  [given({ ["__proto__"]: [1, 2, 3, "4"] }), "input '__proto__' requires numbers (f32), found '4' at position 3"],
  [given({ ["__proto__"]: [1, 2, 3, Symbol("x")] }), "input '__proto__' requires numbers (f32), found Symbol(x) at position 3"],
  [given({ toString: [0, 1, 2, 0] }), "input 'toString' requires whole numbers from 0 to 1 (i1), found 2 at position 2"],
  [given({ toString: Uint8Array.of(0, 1, 255, 0) }), "input 'toString' requires whole numbers from 0 to 1 (i1), found 255 at position 2"],
];

async function runInVain(models) {
  for (const [what, module, model] of models) {
    for (const [set, wanted] of RUNS)
      await refuse(what, module, () => model.run(set), wanted);
    check(`${what}: an error of one run leaves the next alone`,
      Array.from((await model.run(inputs)).toString).join() === "6,-4,10,-4");
  }
  // Shaders have words of 32 bits, and say so; WebAssembly has 64.
  const [[what, module, onGPU], ...others] = models;
  const large = given({ constructor: [5, 6, 7, 2 ** 31] });
  await refuse(what, module, () => onGPU.run(large),
    "input 'constructor' requires whole numbers from -2147483648 to 2147483647 (i64 on a GPU), found 2147483648 at position 3");
  for (const [what, , model] of others)
    check(`${what}: 2^31 is taken`, (await model.run(large)).toString[3] === 2 ** 31);
}

/** What `generate` refuses, and in which words. */
const TEXTS = [
  [[undefined], "tokens require a list of ids, found undefined"],
  [["12"], "tokens require a list of ids, found '12'"],
  [[5], "tokens require a list of ids, found 5"],
  [[[]], "a text requires at least one token, found none"],
  [[[3, 1.5]], "token 1 must be a whole number, found 1.5"],
  [[[3, "4"]], "token 1 must be a whole number, found '4'"],
  [[[null]], "token 0 must be a whole number, found null"],
  [[[Symbol("id")]], "token 0 must be a whole number, found Symbol(id)"],
  [[[3, -1]], "token 1 must be an id from 0 to 63, as the model knows 64, found -1"],
  [[[3, 64]], "token 1 must be an id from 0 to 63, as the model knows 64, found 64"],
  [[[2n ** 64n]], "token 0 must be an id from 0 to 63, as the model knows 64, found 18446744073709551616"],
  [[[3], null], "generate requires an object of options, found null"],
  [[[3], 5], "generate requires an object of options, found 5"],
  [[[3], { maxNewTokens: 4 }], "generate has no option 'maxNewTokens'; did you mean 'maxTokens'?"],
  [[[3], { temperature: 1 }], "generate has no option 'temperature'; it has maxTokens, stopToken, onToken, signal"],
  [[[3], { maxTokens: -1 }], "maxTokens requires a whole number of at least 0, found -1"],
  [[[3], { maxTokens: 1.5 }], "maxTokens requires a whole number of at least 0, found 1.5"],
  [[[3], { maxTokens: "4" }], "maxTokens requires a whole number of at least 0, found '4'"],
  [[[3], { maxTokens: null }], "maxTokens requires a whole number of at least 0, found null"],
  [[[3], { stopToken: "</s>" }], "option 'stopToken' requires a token's id, a number, found '</s>'"],
  [[[3], { stopToken: 64 }], "stopToken must be an id from 0 to 63, found 64"],
  [[[3], { stopToken: -1 }], "stopToken must be an id from 0 to 63, found -1"],
  [[[3], { onToken: 5 }], "option 'onToken' requires a function, found 5"],
  [[[3], { signal: {} }], "option 'signal' requires an AbortSignal, found an object"],
  [[Array(33).fill(3), { maxTokens: 1 }], "the KV cache has room for 32 tokens, found 33; compile with a larger --max-length"],
  [[Array(30).fill(3), { maxTokens: 4 }], "the KV cache has room for 32 tokens, found a prompt of 30 and maxTokens of 4; ask for at most 3, or compile with a larger --max-length"],
  [[[3, 4], { maxTokens: 32 }], "the KV cache has room for 32 tokens, found a prompt of 2 and maxTokens of 32; ask for at most 31, or compile with a larger --max-length"],
];

async function generateInVain(models) {
  let told = 0;
  const onToken = () => { ++told; };
  for (const [what, module, model] of models) {
    for (const [[tokens, options], wanted] of TEXTS) {
      const asked = typeof options === "object" && options ? { onToken, ...options } : options;
      await refuse(what, module, () => model.generate(tokens, asked), wanted);
    }
    check(`${what}: nothing was generated before an error`, told === 0);
    const all = await model.generate(Array(30).fill(3), { maxTokens: 3 });
    check(`${what}: a full cache is filled`, all.length === 3);
    check(`${what}: as many as there is room for, where nobody says how many`,
      (await model.generate(Array(30).fill(3))).length === 3);
    check(`${what}: a cache may be filled by infinity`,
      (await model.generate([3], { maxTokens: Infinity })).length === 32);
    check(`${what}: no tokens are none`, (await model.generate([3], { maxTokens: 0 })).length === 0);
    await refuse(what, module, () => model.generate([3], { signal: AbortSignal.abort(), maxTokens: 2 }),
      "aborted by the caller", "aborted");
  }
  // Where the cache is given to by hand.
  const [, [, , onWasm], [, module, steps]] = models;
  await refuse("predict", decoder, () => onWasm.predict(Array(33).fill(3)),
    "the KV cache has room for 32 tokens, found 33; compile with a larger --max-length");
  await refuse("predict", decoder, () => onWasm.predict([]), "a text requires at least one token, found none");
  await steps.prefill(Array(32).fill(3));
  for (const [call, wanted] of [
    [() => steps.decode(3), "the KV cache has room for 32 tokens, found 33; compile with a larger --max-length"],
    [() => steps.prefill([]), "a text requires at least one token, found none"],
    [() => steps.prefill([3, -1]), "token 1 must be an id from 0 to 63, as the model knows 64, found -1"],
    [() => steps.decode(3, Symbol("at")), "position must be 0 to 32, the text's length, found Symbol(at)"],
    [() => steps.decode(3, 1.5), "position must be 0 to 32, the text's length, found 1.5"],
    [() => steps.run({}), "the model extends a text with a KV cache; use prefill, decode or generate"],
  ])
    await refuse("a step", module, call, wanted);
}

/** What `load` refuses, of both kinds of modules and of web modules. */
const LOADS = [
  [null, "load requires an object of options, found null"],
  [{ signal: 5 }, "option 'signal' requires an AbortSignal, found 5"],
  [{ read: "fetch" }, "option 'read' requires a function, found 'fetch'"],
  [{ baseURL: "no/where" }, "baseURL requires an absolute URL, found 'no/where'"],
  [{ varaint: "base" }, "load has no option 'varaint'; did you mean 'variant'?"],
];
const WEB_LOADS = [
  [{ onprogress: () => {} }, "load has no option 'onprogress'; did you mean 'onProgress'?"],
  [{ onProgress: 5 }, "option 'onProgress' requires a function, found 5"],
  [{ timeout: 5 }, "load has no option 'timeout'; it has backend, device, onProgress, signal, start, variant, " +
    "workgroupSize, precision, memory, minAccuracy, baseURL, read"],
  [{ device: {} }, "option 'device' requires a GPUDevice, found an object"],
  [{ backend: 5 }, "backend requires \"webgpu\" or \"wasm\", found 5"],
  [{ start: Symbol("now") }, "start requires \"early\" or \"loaded\", found Symbol(now)"],
  [{ precision: "int8", memory: 1e9 }, "load requires a precision or the bounds memory and minAccuracy, found both"],
  [{ read: async () => "text" }, "read requires a Uint8Array or an ArrayBuffer for 'names.webgpu.json', found 'text'"],
  [{ read: async () => undefined }, "read requires a Uint8Array or an ArrayBuffer for 'names.webgpu.json', found undefined"],
  [{ workgroupSize: "64" }, "workgroupSize requires 64, 128, 256 or 512, found '64'"],
];

/** The least that a reader does: it yields bytes, in any form, and counts none. */
async function readSimply() {
  const seen = [], counting = readOf(decoder);
  const read = async (file, signal) => {
    const bytes = await counting(file, signal);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  };
  const onProgress = ({ loadedBytes, totalBytes }) => seen.push(loadedBytes / totalBytes);
  const model = await decoder.load({ read, onProgress, backend: "wasm" });
  check(`progress of a reader that counts nothing: ${seen}`, seen.at(-1) === 1);
  check("its model generates", (await model.generate([3], { maxTokens: 2 })).length === 2);
  model.dispose();
}

async function loadInVain() {
  for (const module of [names, wasmNames])
    for (const [options, wanted] of LOADS)
      await refuse("load", module, () => module.load(options), wanted);
  const read = readOf(names);
  for (const [options, wanted] of WEB_LOADS)
    await refuse("load", names, () => names.load({ read, ...options }), wanted);
  await refuse("listPrecisions", names, () => names.listPrecisions({ read, memory: 5 }),
    "listPrecisions has no option 'memory'; it has signal, baseURL, read");
  await refuse("determineBestVariant", names, () => names.determineBestVariant({ read, memroy: 5 }),
    "determineBestVariant has no option 'memroy'; did you mean 'memory'?");
  await refuse("determineBestVariant", names, () => names.determineBestVariant({ read, precision: "int8" }),
    "determineBestVariant has no option 'precision'; it has backend, device, memory, minAccuracy, signal, baseURL, read");
  const angry = () => { throw new RangeError("no such bar"); };
  await refuse("onProgress", names, () => names.load({ read, backend: "wasm", onProgress: angry }),
    "onProgress failed: no such bar", "aborted");
  const fail = async () => { throw new RangeError("no such disk"); };
  await refuse("a reader that fails", names, () => names.load({ read: fail }),
    "'names.webgpu.json' cannot be read: no such disk", "network");
  await refuse("a reader that fails", wasmNames, () => wasmNames.load({ read: fail }),
    "'names.wasm' cannot be read: no such disk", "network");
  // What fetch of node can't read, and what to do.
  for (const call of [() => names.load(), () => names.listPrecisions()])
    await call().then(() => check("a file was fetched", false), (error) => check(
      `a file's address: found ${error.code}: ${error.message}`, error.code === "network" &&
      error.message.includes("names.webgpu.json' cannot be fetched") && error.message.endsWith(
        "; where fetch reads no files, give load read, a function from a file's name to its bytes, or " +
        "baseURL, an http address of the files")));
}

/** An adapter of small limits, and kernels whose workgroups are larger. */
async function exceedLimits() {
  const { limits } = await newDevice();
  const least = { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupSizeX: 256, maxComputeWorkgroupStorageSize: 16384 };
  const offer = (changed) => Object.fromEntries([...Object.keys(Object.getPrototypeOf(limits)), ...Object.keys(least)]
    .map((name) => [name, limits[name] ?? 0]).concat(Object.entries({
      maxComputeInvocationsPerWorkgroup: 1024, maxComputeWorkgroupSizeX: 1024, maxComputeWorkgroupStorageSize: 65536, ...changed })));
  for (const [name, found] of Object.entries(least)) {
    const device = await newDevice();
    Object.defineProperty(device, "limits", { value: offer({ [name]: found }) });
    const needed = name === "maxComputeWorkgroupStorageSize" ? 32768 : 512;
    await refuse(name, names, () => names.load({ read: readOf(names), device, workgroupSize: 512 }),
      `workgroupSize of 512 needs ${name} of ${needed}, the adapter has ${found}`, "unsupported");
  }
}

const named = await loadAll(names, wasmNames);
await computeWithNames(named);
await runInVain(named);
await generateInVain(await loadAll(decoder, wasmDecoder));
await readSimply();
await loadInVain();
await exceedLimits();
finish();
