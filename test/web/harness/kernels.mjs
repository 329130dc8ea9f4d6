//===- kernels.mjs - runs shaders on Dawn, shows them to naga -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: kernels.mjs SHADERS JOBS OUTPUT [FEATURE]...
//
// SHADERS is what `lowbit-translate --lowbit-to-wgsl` prints. JOBS is a JSON
// list of {kernel, workgroups, buffers: [{words: base64} | {bytes}]}. Every
// shader must be valid for naga, but for those with subgroups, and make a pipeline
// on Dawn with the features; each job's kernel runs, and OUTPUT gets the buffers
// after it, as base64. Prints the time that each pipeline took.
//===----------------------------------------------------------------------===//

import { readFileSync, writeFileSync } from "node:fs";
import * as naga from "naga-wasm";
import { explainNaga, openDawn } from "./dawn.mjs";

const [shaders, jobs, output, ...features] = process.argv.slice(2);
const { device } = await openDawn(features);
const STORAGE = 0x80, TO = 0x08, FROM = 0x04, MAP_READ = 0x01;

function fail(text) {
  console.error(text);
  process.exit(1);
}

const pipelines = new Map();
for (const part of readFileSync(shaders, "utf8").split(/^\/\/===== /m).slice(1)) {
  const name = part.slice(0, part.indexOf("\n"));
  const code = part.slice(part.indexOf("\n") + 1);
  const problem = explainNaga(naga, code);
  if (problem)
    fail(`${name}: naga: ${problem}`);
  const start = performance.now();
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  for (const message of messages)
    if (message.type === "error")
      fail(`${name}:${message.lineNum}: Dawn: ${message.message}`);
  try {
    pipelines.set(name, await device.createComputePipelineAsync(
      { layout: "auto", compute: { module, entryPoint: name } }));
  } catch (error) {
    fail(`${name}: Dawn: ${error.message}`);
  }
  console.log(`${name}: naga and Dawn accept it; pipeline ${(performance.now() - start).toFixed(0)} ms`);
}

async function runJob({ kernel, workgroups, buffers }) {
  const words = buffers.map((buffer) => buffer.words
    ? new Uint8Array(Buffer.from(buffer.words, "base64")) : new Uint8Array(buffer.bytes));
  const gpuBuffers = words.map((data) => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | TO | FROM });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  });
  const pipeline = pipelines.get(kernel) ?? fail(`no kernel ${kernel}`);
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: gpuBuffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  const copies = gpuBuffers.map((buffer) => {
    const copy = device.createBuffer({ size: buffer.size, usage: TO | MAP_READ });
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
    return copy;
  });
  device.queue.submit([encoder.finish()]);
  const results = [];
  for (const copy of copies) {
    await copy.mapAsync(MAP_READ);
    results.push(Buffer.from(copy.getMappedRange()).toString("base64"));
  }
  return results;
}

device.addEventListener("uncapturederror", (event) => fail(event.error.message));
const results = [];
for (const job of JSON.parse(readFileSync(jobs, "utf8")))
  results.push(await runJob(job));
writeFileSync(output, JSON.stringify(results));
process.exit(0);
