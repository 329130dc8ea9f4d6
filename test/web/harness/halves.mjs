//===- halves.mjs - who takes kernels in f16 ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: halves.mjs MODULE
//
// MODULE is made of halves.mlir: a product whose activations have 16 bits, and one of
// f32. SwiftShader runs it without f16; a device with it is that of Dawn that has all
// features and computes nothing.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openAll, openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]);
const { load } = await import(pathToFileURL(path));
const read = readBeside(path);

const FLOATS = "their activations are f32, and f16 would change results: variant 'f16+' asks for it";

/** Loads for a device of `gpu` with `features`, and compares what its report says. */
async function expect(name, gpu, features, variant, found, taken, reason) {
  const device = await (await gpu.requestAdapter()).requestDevice({ requiredFeatures: features });
  const model = await load({ read, device, variant });
  const report = model.report();
  model.dispose();
  device.destroy();
  check(`${name}: ${report.variant}, ${JSON.stringify(report.f16)}`, report.variant === found &&
    JSON.stringify(report.f16) === JSON.stringify({ taken, offered: 2, reason }));
}

const every = await openAll(), { gpu } = await openDawn();
const half = ["shader-f16"];
await expect("a device with f16", every, half, undefined, "f16", 1, FLOATS);
await expect("where f16 is named", every, half, "f16+", "f16-all", 2, null);
await expect("where that is named that floats stay", every, half, "f16", "f16", 1, FLOATS);
await expect("where another is named", every, half, "base", "base", 0, "variant 'base' asks for them");
await expect("a device without", gpu, [], undefined, "base", 0, "the device lacks 'shader-f16'");
for (const variant of ["f16", "f16+", "f16-all"])
  await rejects(`${variant} on a device without`, "unsupported",
    expect("", gpu, [], variant), `variant '${variant}' needs the feature 'shader-f16', which the device lacks`);

// Without a device, the adapter is asked for f16, or said to lack it.
globalThis.navigator ??= {};
for (const [name, value, variant, reason] of
  [["an adapter with f16", every, "f16", FLOATS], ["one without", gpu, "base", "the adapter lacks 'shader-f16'"]]) {
  Object.defineProperty(globalThis.navigator, "gpu", { value, configurable: true });
  const model = await load({ read });
  const report = model.report();
  check(`${name}: ${report.variant}, ${report.f16.reason}`, report.variant === variant && report.f16.reason === reason);
  if (value === gpu) {
    const { y } = await model.run({ x: Float32Array.from({ length: 64 }, (_, i) => i) });
    check("f32 gives 2 x + 2", y.every((number, i) => number === 2 * i + 2));
  }
  model.dispose();
}
finish();
