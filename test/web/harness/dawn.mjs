//===- dawn.mjs - a WebGPU device outside of a browser --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);

// Dawn goes away with its first object, whatever was made of it.
const kept = [];

/** A device of Dawn, as Chromium has it, on the first Vulkan driver. */
export async function openDawn() {
  const gpu = create([]);
  kept.push(gpu);
  const adapter = await gpu.requestAdapter();
  if (!adapter)
    throw new Error("Dawn found no adapter: set VK_ICD_FILENAMES to a Vulkan driver");
  const device = await adapter.requestDevice();
  return { gpu, adapter, device };
}
