//===- choices.mjs - variants and sizes of workgroups that load takes -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: choices.mjs MODULE
//
// MODULE is made of choices.mlir: y = 3 x on 1000 numbers, by a kernel with a
// variant for subgroups, others in f16, and workgroups of any size.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openAll, openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]);
const { load, planGrid } = await import(pathToFileURL(path));
const { gpu } = await openDawn();

const read = readBeside(path);
const openDevice = async (options) => (await gpu.requestAdapter()).requestDevice(options);
const x = Float32Array.from({ length: 1000 }, (_, i) => i / 10);

/** Loads with these options, checks what is computed, and returns the report. */
async function run(name, options) {
  const model = await load({ read, ...options });
  const { y } = await model.run({ x });
  check(`${name}: computes 3 x`, y.every((value, i) => Math.abs(value - 3 * x[i]) < 1e-3));
  const report = model.report();
  model.dispose();
  return report;
}

async function chooseVariants() {
  const plain = await openDevice({}), able = await openDevice({ requiredFeatures: ["subgroups"] });
  check("a device without the feature takes the base",
    (await run("base", { device: plain })).variant === "base");
  check("a device with the feature takes the variant",
    (await run("subgroups", { device: able })).variant === "subgroups");
  check("a name is taken at its word",
    (await run("named", { device: able, variant: "base" })).variant === "base");
  await rejects("a variant that the device lacks", "unsupported", load({ read, device: plain, variant: "subgroups" }));
  await rejects("a variant that the module lacks", "bad-input",
    load({ read, device: able, variant: "sofware" }), "the module has no variant 'sofware'; it has 'subgroups', 'base', 'f16+subgroups', 'f16'");
  // Without a device, what the adapter offers is asked for.
  globalThis.navigator ??= {};
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  check("the adapter's features are made use of", (await run("own", {})).variant === "subgroups");
}

/** f16 changes numbers: it must be named, and then the device must have it. */
async function requestHalf() {
  const able = await openDevice({ requiredFeatures: ["subgroups"] });
  check("features with a + behind them take what there is beside",
    (await run("plus", { device: able, variant: "subgroups+" })).variant === "subgroups");
  for (const variant of ["f16", "f16+", "f16+subgroups", "subgroups+f16+"]) {
    await rejects(`${variant} on a device without`, "unsupported", load({ read, device: able, variant }),
      `variant '${variant}' needs the feature 'shader-f16', which the device lacks`);
    await rejects(`${variant} on an adapter without`, "unsupported", load({ read, variant }),
      `variant '${variant}' needs the feature 'shader-f16', which the adapter lacks`);
  }
  await rejects("a feature that no variant has", "bad-input", load({ read, device: able, variant: "f64+" }),
    "the module has no variant 'f64+'; it has 'subgroups', 'base', 'f16+subgroups', 'f16'");
  // Dawn's device that has all features, and computes nothing.
  const every = await openAll();
  const take = async (features, variant) => {
    const device = await (await every.requestAdapter()).requestDevice({ requiredFeatures: features });
    const model = await load({ read, device, variant });
    const report = model.report();
    model.dispose();
    return report.variant;
  };
  const both = ["shader-f16", "subgroups"];
  check("no device takes f16 by itself", await take(both) === "subgroups" && await take(["shader-f16"]) === "base");
  check("a name alone is that variant", await take(both, "f16") === "f16");
  check("with a + it is the best with f16", await take(both, "f16+") === "f16+subgroups" &&
    await take(["shader-f16"], "f16+") === "f16" && await take(both, "subgroups+f16+") === "f16+subgroups");
  // Without a device, WebGPU's name of it is asked for.
  Object.defineProperty(globalThis.navigator, "gpu", { value: every, configurable: true });
  const model = await load({ read, variant: "f16+" });
  check("the adapter is asked for f16", model.report().variant === "f16+subgroups");
  model.dispose();
}

async function chooseSizes() {
  for (const size of [64, 128, 256])
    for (const variant of ["base", "subgroups"]) {
      const { workgroups } = await run(`${size}`, { workgroupSize: size, variant });
      check(`workgroups of ${size} are reported, found ${JSON.stringify(workgroups)}`,
        workgroups.length === 1 && workgroups[0].size.join() === `${size},1,1`);
    }
  const { limits } = await gpu.requestAdapter();
  if (limits.maxComputeInvocationsPerWorkgroup >= 512 && limits.maxComputeWorkgroupStorageSize >= 32768)
    check("512 are asked for", (await run("512", { workgroupSize: 512 })).workgroups[0].size[0] === 512);
  else
    await rejects("more than the adapter's limits", "unsupported", load({ read, workgroupSize: 512 }));
  await rejects("more than the device's limits", "unsupported",
    load({ read, device: await openDevice({}), workgroupSize: 512 }));
  await rejects("a size that is none", "bad-input", load({ read, workgroupSize: 96 }));
}

function planGrids() {
  const fixed = { workgroups: [3, 2, 1], workgroupSize: [64, 1, 1] };
  check("a fixed size stays", planGrid(fixed, 256).workgroups.join() === "3,2,1" &&
    planGrid(fixed, 256).workgroupSize.join() === "64,1,1");
  check("a grid holds all invocations", planGrid({ invocations: 1000 }, 128).workgroups.join() === "8,1,1");
  const large = planGrid({ invocations: 64 * 65536 }, 64).workgroups;
  check(`rows of a large grid are no longer than 65535, found ${large}`,
    large.join() === "32768,2,1");
}

await chooseVariants();
await chooseSizes();
planGrids();
await requestHalf();
finish();
