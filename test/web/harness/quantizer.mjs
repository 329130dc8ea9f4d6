//===- quantizer.mjs - the numerics of pages against the native ones ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: quantizer.mjs RUNTIME WASM CASES
//
// RUNTIME is codegen/web/runtime; CASES is what LowbitRowPackerCases writes.
// Rounds and packs each weight by ranges of rows, and compares every byte.
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { join } from "node:path";

const [folder, wasm, file] = process.argv.slice(2);
const parts = await Promise.all(["errors", "quantize"].map((name) => readFile(join(folder, `${name}.js`), "utf8")));
// The parts of the run time are one text.
const text = `${parts.join("\n")}\nexport { Numerics, FLOATS };\n`;
const { Numerics, FLOATS } = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const module = new WebAssembly.Module(await readFile(wasm));
const imports = WebAssembly.Module.imports(module);
const numerics = new Numerics((await WebAssembly.instantiate(module, {})).exports);
const cases = new DataView((await readFile(file)).buffer);
let at = 0, count = 0, failed = 0, buffers = 0;

const word = () => cases.getUint32((at += 4) - 4, true);
function bytes() {
  const size = word();
  const result = new Uint8Array(cases.buffer, cases.byteOffset + at, size);
  at += size + (4 - size % 4) % 4;
  return result;
}
const words = () => new Uint32Array(bytes().slice().buffer);

function fail(name, what) {
  ++failed;
  if (failed <= 20)
    console.log(`FAILED: ${name}: ${what}`);
}

/** Packs by ranges of `step` rows; the buffers, or nothing where that fails. */
function packByRows(weights, rows, rowBytes, step, expected) {
  const result = expected.map((buffer) => new Uint8Array(buffer.length + 4));
  for (let row = 0; row < rows; row += step) {
    const end = Math.min(rows, row + step);
    if (!numerics.pack(weights.subarray(row * rowBytes, end * rowBytes), row, end))
      return undefined;
    result.forEach((buffer, i) => {
      const { data, offset } = numerics.take(i);
      buffer.set(data, offset);
    });
  }
  return result.map((buffer, i) => buffer.subarray(0, expected[i].length));
}

while (at < cases.byteLength) {
  const name = new TextDecoder().decode(bytes());
  const rows = word(), columns = word(), type = Object.keys(FLOATS)[word()], unit = word();
  const recipe = words(), shared = words(), weights = bytes();
  const expected = Array.from({ length: 5 }, bytes);
  ++count;
  if (!numerics.begin(recipe, shared, { rows, columns, type })) {
    fail(name, numerics.message);
    continue;
  }
  for (const step of [unit, 3 * unit, rows + unit]) {
    const range = Math.ceil(step / unit) * unit;
    const found = packByRows(weights, rows, columns * FLOATS[type].bytes, range, expected);
    if (!found)
      fail(name, numerics.message);
    found?.forEach((buffer, i) => {
      buffers += expected[i].length > 0;
      if (Buffer.compare(buffer, expected[i]) !== 0)
        fail(name, `buffer ${i} in ranges of ${range} rows`);
    });
  }
}
console.log(`imports: ${imports.length}, size: ${(await readFile(wasm)).length}, memory: ${numerics.memoryBytes}`);
console.log(`${count} weights, ${buffers} buffers compared, ${failed} differ`);

// What isn't right is said, and the module goes on.
const [recipe, shape] = [[7], { rows: 1, columns: 1, type: "f32" }];
console.log(`recipe: ${numerics.begin(recipe, [], shape)}: ${numerics.message}`);
console.log(`rows without a weight: ${numerics.pack(new Uint8Array(4), 0, 1)}: ${numerics.message}`);
