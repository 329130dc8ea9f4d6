// run_mlp.mjs MODULE [VARIANT]: runs the perceptron and what it refuses.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [path, variant] = process.argv.slice(2);
const url = pathToFileURL(path);
const { load, LowbitError } = await import(url);
const model = await load({ variant });
console.log("variant", model.variant, "cache", model.hasCache);
console.log(JSON.stringify(model.inputs), JSON.stringify(model.outputs.map(({ name }) => name)));
for (const rows of [0, 1, 3, 7, 33]) {
  const x = Float32Array.from({ length: 64 * rows }, (_, i) => i % 5 - 2);
  const r = new Float32Array(32 * rows).fill(1);
  const outputs = await model.run({ x, "the/residual": r });
  const wanted = Array.from({ length: rows }, (_, i) =>
    x.subarray(64 * i, 64 * i + 64).reduce((sum, value) => sum + 0.5 * value, 1));
  for (const [i, value] of outputs.y.entries())
    if (Math.abs(value - wanted[Math.floor(i / 32)]) > 1e-3)
      throw new Error(`y[${i}] of ${rows} rows is ${value}, not ${wanted[Math.floor(i / 32)]}`);
  console.log(`rows ${rows}: y [${outputs.y.shape}] class [${outputs.class.shape}]`);
}

async function refuse(what, work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LowbitError))
      throw error;
    return console.log(`${what}: ${error.code}: ${error.message}`);
  }
  throw new Error(`${what} was not refused`);
}
const x = new Float32Array(64), r = new Float32Array(32);
await refuse("missing", () => model.run({ x }));
await refuse("unknown", () => model.run({ x, y: r }));
await refuse("length", () => model.run({ x: new Float32Array(65), "the/residual": r }));
await refuse("symbol", () => model.run({ x, "the/residual": new Float32Array(64) }));
await refuse("rank", () => model.run({ x: { data: x, shape: [64] }, "the/residual": r }));
await refuse("shape", () => model.run({ x: { data: x, shape: [2, 32] }, "the/residual": r }));
await refuse("negative", () => model.run({ x: { data: x, shape: [-1, 64] }, "the/residual": r }));
await refuse("scalar", () => model.run({ x: 5, "the/residual": r }));
await refuse("cache", () => model.generate([1]));
await refuse("variant", () => load({ variant: "avx2" }));

const weights = readFileSync(new URL(path.split("/").at(-1).replace(/\.wasm\.js$/, ".safetensors"), url));
await load({ variant, weights });
await load({ variant, weights: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length) });
await refuse("short", () => load({ variant, weights: weights.subarray(0, 5) }));
await refuse("cut", () => load({ variant, weights: weights.subarray(0, weights.length - 1) }));
await refuse("not JSON", () => load({ variant, weights: weights.map((byte, i) => i === 8 ? 0x21 : byte) }));
await refuse("damaged", () => load({ variant,
  weights: weights.map((byte, i) => i === weights.length - 1 ? byte ^ 1 : byte) }));
const text = new TextDecoder("latin1").decode(weights);
const renamed = Uint8Array.from(weights);
renamed.set([0x58], text.indexOf('"structure":"') + 13);
await refuse("others", () => load({ variant, weights: renamed }));
// The file's tensors, each by itself.
const begin = 8 + Number(weights.readBigUInt64LE(0));
const entries = Object.entries(JSON.parse(weights.toString("utf8", 8, begin))).filter(([name]) => name !== "__metadata__");
const tensors = entries.map(([name, { data_offsets: [first, last] }]) => [name, weights.subarray(begin + first, begin + last)]);
const again = await load({ variant, weights: new Map(tensors) });
const [{ y: before }, { y: after }] = await Promise.all([model, again].map((each) => each.run({ x, "the/residual": r })));
console.log("by names:", before.length > 0 && before.every((value, i) => value === after[i]));
again.dispose();
await refuse("text", () => load({ variant, weights: "mlp.safetensors" }));
await refuse("number", () => load({ variant, weights: new Map(tensors.map(([name]) => [name, 3])) }));
await refuse("too few", () => load({ variant, weights: new Map(tensors.map(([name, bytes]) => [name, bytes.subarray(1)])) }));
await refuse("none", () => load({ variant, weights: new Map() }));
await refuse("read", () => load({ variant, read: async () => "bytes" }));
await refuse("absent", () => load({ variant, baseURL: new URL("nowhere/", url) }));
await refuse("aborted", () => load({ variant, signal: AbortSignal.abort() }));
// Arrays that say that they are longer than any engine makes them.
const makeVast = (length) => Object.defineProperty(new Float32Array(0), "length", { value: length });
await refuse("memory", () => model.run({ x: { data: makeVast(2 ** 31 * 64), shape: [2 ** 31, 64] },
  "the/residual": { data: makeVast(2 ** 31 * 32), shape: [2 ** 31, 32] } }));
model.dispose();
await refuse("disposed", () => model.run({ x, "the/residual": r }));
