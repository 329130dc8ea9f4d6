//===- repack.mjs - repacked weights beside the compiler's ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: repack.mjs MODULE PACKED.safetensors
//
// Repacks the weights of a module as pages do, from shards as they are, from
// pieces of any number of words, and as weights that are in parts, and compares
// those that are packed for layers with the tensors of the same name that the
// compiler has packed for CPUs.
//===----------------------------------------------------------------------===//

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [module, packed] = process.argv.slice(2).map((path) => resolve(path));
const { Repacker } = await import(pathToFileURL(module));
const manifest = JSON.parse(readFileSync(module.replace(/\.js$/, ".json"), "utf8"));
const stream = Buffer.concat(manifest.shards.map(({ file }) => readFileSync(join(dirname(module), file))));

/** The tensors of a safetensors file. */
function readTensors(path) {
  const bytes = readFileSync(path);
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(bytes.subarray(8, begin).toString("utf8"));
  return new Map(Object.entries(entries).map(([name, { data_offsets: [first, last] }]) =>
    [name, bytes.subarray(begin + first, begin + last)]));
}

/** A copy as two, of the first rows and of the others, where a row is one of the source's. */
function splitRows(copy) {
  const [runLength, stride] = copy.from?.rows ?? [];
  const first = Math.floor(copy.rows / 3);
  if (runLength !== 1 || first === 0)
    return [copy];
  return [{ ...copy, rows: first }, {
    ...copy, rows: copy.rows - first, firstRow: copy.firstRow + first,
    from: { ...copy.from, offset: copy.from.offset + first * stride },
  }];
}

/** All weights, from pieces of the stream of so many bytes as `size` says. */
function repack(size, split = (copy) => [copy]) {
  const targets = manifest.fallback.weights.map(({ bytes }) => new Uint8Array(Math.ceil(bytes / 4) * 4));
  const repacker = new Repacker(manifest.fallback.weights.flatMap(({ copies = [] }, i) =>
    copies.flatMap(split).map((copy) => ({ ...copy, target: () => targets[i] }))));
  for (const weight of manifest.weights)
    for (let first = 0, last; first < weight.bytes; first = last) {
      last = Math.min(weight.bytes, first + size());
      repacker.add(weight.name, first,
        stream.subarray(weight.offset + first, weight.offset + last));
    }
  return new Map(manifest.fallback.weights.map(({ name, bytes }, i) => [name, targets[i].subarray(0, bytes)]));
}

let seed = 1;
const random = (most) => (seed = (seed * 48271) % 2147483647) % most;
const expected = readTensors(packed);
const ways = [[() => Infinity], [() => 4 * (1 + random(40))], [() => 4096, splitRows]];
let compared = 0, moved = 0, differ = 0;
for (const way of ways) {
  const made = repack(...way);
  for (const { name, bytes, copies = [] } of manifest.fallback.weights) {
    if (!copies.some(({ bits }) => bits))
      continue;
    const wanted = expected.get(name);
    ++compared;
    moved += bytes;
    if (wanted && Buffer.compare(made.get(name), wanted) === 0)
      continue;
    ++differ;
    console.log(`${name}: ${wanted ? "other bytes" : "the compiler has none"}`);
  }
}
console.log(`${compared} weights of ${moved} bytes repacked, ${differ} differ`);
process.exit(differ || !compared ? 1 : 0);
