//===- dawn.mjs - a WebGPU device outside of a browser --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);

// Dawn goes away with its first object, whatever was made of it.
const kept = [];

/** WebGPU whose adapter has all features, compiles shaders, and computes nothing. */
export function openAll() {
  const gpu = create(["backend=null"]);
  kept.push(gpu);
  return gpu;
}

/** What Dawn's compiler has against a shader, in `features` that no device here may have. */
export async function explainDawn(code, features) {
  const device = await (await openAll().requestAdapter()).requestDevice({ requiredFeatures: features });
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
  const errors = messages.filter(({ type }) => type === "error");
  return errors.map(({ lineNum, message }) => `${lineNum}: ${message}`).join("\n");
}

/** A device of Dawn with `requiredFeatures`, as Chromium has it, on the first Vulkan driver. */
export async function openDawn(requiredFeatures = []) {
  const gpu = create([]);
  kept.push(gpu);
  const adapter = await gpu.requestAdapter();
  if (!adapter)
    throw new Error("Dawn found no adapter that it can use with VK_ICD_FILENAMES " +
      `${process.env.VK_ICD_FILENAMES ? `of ${process.env.VK_ICD_FILENAMES}` : "unset"}; set it to another Vulkan ` +
      "driver, such as Chromium's SwiftShader, vk_swiftshader_icd.json in its folder (/usr/lib/chromium on Debian)");
  const device = await adapter.requestDevice({ requiredFeatures });
  return { gpu, adapter, device };
}

/**
 * What naga has against a shader; empty where it accepts it. It stands for
 * browsers that lack subgroups: those that enable them are for others, and
 * Dawn's to judge.
 */
export function explainNaga(naga, code) {
  if (/^enable subgroups;/m.test(code))
    return "";
  try {
    naga.validate(naga.parseWgsl(code));
    return "";
  } catch (error) {
    return error.message;
  }
}
