//===- kept.mjs - what a model keeps of its runs --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: node --expose-gc kept.mjs MODULE
//
// MODULE predicts tokens. Runs it on WebAssembly and on Dawn: what a run gave is
// garbage when nobody has it any more, while the model lives; and a model is when
// nobody has it, while the device lives.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]);
const { load } = await import(pathToFileURL(path));
const { device } = await openDawn();

/** Whether what `refs` are of is still there after all garbage is collected. */
async function countKept(refs) {
  let kept = refs.length;
  for (let i = 0; kept > 0 && i < 20; ++i) {
    await new Promise((done) => setTimeout(done, 10));
    globalThis.gc();
    kept = refs.filter((ref) => ref.deref()).length;
  }
  return kept;
}

async function run(model) {
  const inputs = Object.fromEntries(model.inputs.map(({ name, shape }) =>
    [name, new BigInt64Array(shape.reduce((a, b) => a * b, 1))]));
  return new WeakRef(await model.run(inputs));
}

for (const options of [{ backend: "wasm" }, { device }]) {
  const what = options.backend ?? "webgpu", refs = [];
  let model = await load({ read: readBeside(path), ...options });
  for (let i = 0; i < 5; ++i)
    refs.push(await run(model), new WeakRef(await model.predict([3, i])));
  const kept = await countKept(refs);
  check(`${what}: the model keeps ${kept} of ${refs.length} results`, kept === 0);
  const own = [new WeakRef(model), new WeakRef(model.scope)];
  model.dispose();
  model = undefined;
  check(`${what}: nothing keeps a model that was disposed of`, await countKept(own) === 0);
}
finish();
