//===- pipelines.js - how long pipelines take to be created ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One after another, each from its text to a pipeline: a module creates all of
// them at the same time, and what one takes then depends on the others.
//===----------------------------------------------------------------------===//

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

async function measureModule(device, adapter, name) {
  const manifest = await (await fetch(`/modules/${name}.webgpu.json`)).json();
  const results = [];
  for (const kernel of chooseKernels(manifest, adapter)) {
    const code = manifest.kernels[kernel];
    results.push({ module: name, kernel, bytes: code.length, ms: await createPipeline(device, code, kernel) });
  }
  console.log(`${name}: ${results.length} kernels`);
  return results;
}

window.measure = async ({ modules }) => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter)
    throw new Error("WebGPU found no adapter");
  const requiredFeatures = ["shader-f16", "subgroups"].filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredFeatures });
  const results = [];
  for (const name of modules)
    results.push(...await measureModule(device, adapter, name));
  return { adapter: describeAdapter(adapter.info), results };
};
