//===- best.mjs - the precision and variant that a device would take ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: best.mjs MODULE
//
// MODULE has several precisions. What determineBestVariant says on devices with f16
// and without, and on WebAssembly, must be what load takes.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openAll, openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]);
const { determineBestVariant, listPrecisions, load } = await import(pathToFileURL(path));
const read = readBeside(path);

for (const { name, f16, variant } of await listPrecisions({ read }))
  console.log(`${name}: f16 for ${f16}, variant ${variant}`);

/** What is said for a device with these bounds, and that load agrees. */
async function ask(name, gpu, features, bounds) {
  const device = await (await gpu.requestAdapter()).requestDevice({ requiredFeatures: features });
  const best = await determineBestVariant({ read, device, ...bounds });
  const model = await load({ read, device, precision: best });
  const { variant, precision, f16 } = model.report();
  model.dispose();
  device.destroy();
  check(`${name}: load takes ${variant}`, variant === best.variant && precision === best.name);
  console.log(`${name}: ${best.name}, ${variant}, ${f16.taken ? "all" : "none"} in f16, ${f16.reason}`);
}

const every = await openAll(), { gpu } = await openDawn();
const [{ memoryBytes: most }, { memoryBytes: least }] = await listPrecisions({ read });
await ask("with f16", every, ["shader-f16"], { memory: most });
await ask("with f16, less memory", every, ["shader-f16"], { memory: least });
await ask("without", gpu, [], { memory: most });
check("WebAssembly has no variant of kernels",
  (await determineBestVariant({ read, backend: "wasm" })).variant === null);
check("without an adapter there is none", (await determineBestVariant({ read })).variant === null);
globalThis.navigator ??= {};
Object.defineProperty(globalThis.navigator, "gpu", { value: every, configurable: true });
check("it is the adapter's without a device",
  /f16/.test((await determineBestVariant({ read })).variant));

/** The module's list, with another one of variants. */
const change = (variants) => readBeside(path, (file, bytes) => {
  if (!file.endsWith("webgpu.json"))
    return bytes;
  const index = JSON.parse(new TextDecoder().decode(bytes));
  index.precisions[0].variants = variants;
  return new TextEncoder().encode(JSON.stringify(index));
});
for (const variants of [3, [null], [{ name: "base" }]])
  await rejects(`variants ${JSON.stringify(variants)}`, "corrupted", listPrecisions({ read: change(variants) }),
    "requires precisions with name, manifest, memoryBytes and variants");
finish();
