//===- layers.js - a layer beside ONNX Runtime Web's, in a page -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both take floats of the page and give floats of the page. They take turns: one
// run of each, until there was enough time and there are enough runs.
//===----------------------------------------------------------------------===//

import { compare, findMedian, makeInput } from "./numbers.js";

async function prepareOurs({ name }, x) {
  const { load } = await import(`/layers/${name}.webgpu.js`);
  const model = await load();
  return {
    run: async () => (await model.run({ x })).y,
    describe: () => model.report(),
    end: () => model.dispose(),
  };
}

/** The layer on a back end of one of the builds of ONNX Runtime Web, whose back ends differ. */
async function preparePeer({ name, m, k }, { build, provider }, x) {
  const ort = await import(`/ort/${build}`);
  // One thread: the page isn't isolated.
  Object.assign(ort.env.wasm, { wasmPaths: "/ort/", numThreads: 1 });
  const session = await ort.InferenceSession.create(`/layers/${name}.onnx`, { executionProviders: [provider] });
  return {
    run: async () => (await session.run({ x: new ort.Tensor("float32", x, [m, k]) })).y.data,
    describe: () => ort.env.versions.web,
    end: () => session.release(),
  };
}

/** Medians of a layer in milliseconds, ours first, and how far results are apart. */
async function measureLayer(layer, { peers: others, seconds, runs, warmUp }) {
  const x = makeInput(layer.m * layer.k);
  const contestants = [await prepareOurs(layer, x)];
  for (const other of others)
    contestants.push(await preparePeer(layer, other, x));
  const results = [];
  for (let i = 0; i < warmUp; ++i)
    for (const [j, contestant] of contestants.entries())
      results[j] = await contestant.run();
  const error = Math.max(...results.map((result) => compare(results[0], result)));
  const times = contestants.map(() => []);
  const end = performance.now() + 1000 * seconds;
  while (times[0].length < runs || performance.now() < end)
    for (const [j, contestant] of contestants.entries()) {
      const start = performance.now();
      await contestant.run();
      times[j].push(performance.now() - start);
    }
  const [report, version] = contestants.map((contestant) => contestant.describe());
  for (const contestant of contestants)
    await contestant.end();
  const [ours, ...peers] = times.map(findMedian);
  console.log(`${layer.name}: ${times[0].length} runs each`);
  return { result: { ...layer, ours, peers, error, runs: times[0].length }, report, version };
}

window.measure = async (job) => {
  const results = [];
  let facts;
  for (const layer of job.layers) {
    const { result, report, version } = await measureLayer(layer, job);
    results.push(result);
    facts = { peer: `ONNX Runtime Web ${version}`, adapter: report.adapter, variant: report.variant };
  }
  return { ...facts, results };
};
