//===- pipelines.js - how long pipelines take to be created ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One after another, each from its text to a pipeline: a module creates all of
// them at the same time, and what one takes then depends on the others. In several
// rounds, each with a device of its own, which has no pipeline yet: the first ones
// of a browser take what its compiler takes to start.
//===----------------------------------------------------------------------===//

import { findMedian } from "./numbers.js";

/** Adapters that compute on the CPU, by what they say of themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|warp/i;

function describeAdapter({ vendor, architecture, description, isFallbackAdapter }) {
  const isSoftware = Boolean(isFallbackAdapter) || SOFTWARE.test(`${vendor} ${architecture} ${description}`);
  return { vendor, architecture, description, isSoftware };
}

async function createPipeline(device, code, entryPoint) {
  const start = performance.now();
  const module = device.createShaderModule({ code });
  await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint } });
  return performance.now() - start;
}

/** Names of the kernels that a module takes on the adapter. */
function chooseKernels({ functions, variants }, adapter) {
  const isThere = (feature) => feature === "software" ? describeAdapter(adapter.info).isSoftware :
    feature === "packed_dot" ? navigator.gpu.wgslLanguageFeatures.has("packed_4x8_integer_dot_product") :
    adapter.features.has(feature);
  const { kernels } = variants.find((variant) => variant.features.every(isThere));
  const names = Object.values(functions).flatMap(({ dispatches }) => dispatches.map(({ kernel }) => kernel));
  return new Set(names.map((name) => kernels[name] ?? name));
}

async function openDevice(adapter) {
  const requiredFeatures = ["shader-f16", "subgroups"].filter((feature) => adapter.features.has(feature));
  return adapter.requestDevice({ requiredFeatures });
}

/** Medians of a module's kernels, and the most that each took. */
async function measureModule(name, rounds) {
  const manifest = await (await fetch(`/modules/${name}.webgpu.json`)).json();
  const times = new Map();
  let adapter;
  for (let round = 0; round < rounds; ++round) {
    // An adapter gives one device.
    adapter = await navigator.gpu.requestAdapter();
    const device = await openDevice(adapter);
    for (const kernel of chooseKernels(manifest, adapter)) {
      const ms = await createPipeline(device, manifest.kernels[kernel], kernel);
      times.set(kernel, [...times.get(kernel) ?? [], ms]);
    }
    device.destroy();
  }
  console.log(`${name}: ${times.size} kernels`);
  const results = [...times].map(([kernel, all]) => ({
    module: name, kernel, bytes: manifest.kernels[kernel].length, ms: findMedian(all), most: Math.max(...all),
  }));
  return { adapter: describeAdapter(adapter.info), results };
}

window.measure = async ({ modules, rounds }) => {
  if (!await navigator.gpu?.requestAdapter())
    throw new Error("WebGPU found no adapter");
  const results = [];
  let adapter;
  for (const name of modules) {
    const found = await measureModule(name, rounds);
    adapter = found.adapter;
    results.push(...found.results);
  }
  return { adapter, results };
};
