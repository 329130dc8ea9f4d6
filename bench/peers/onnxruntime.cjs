// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// node onnxruntime.cjs MODULE MODEL K M INPUTS THREADS SECONDS
//
// Runs a model whose inputs are x0, x1, ... (M x K floats) and prints the microseconds of a run divided by the number
// of inputs, as JSON. With one thread it is the time that the process ran, otherwise what passed. MODULE is the folder
// of onnxruntime-node.
const [, , folder, model, k, m, inputs, threads, seconds] = process.argv;
const ort = require(folder);

async function main() {
  const options = {intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
                   graphOptimizationLevel: 'all', logSeverityLevel: 3};
  const session = await ort.InferenceSession.create(model, options);
  const feeds = {};
  for (let i = 0; i < Number(inputs); ++i) {
    const data = new Float32Array(k * m);
    for (let j = 0; j < data.length; ++j)
      data[j] = Math.sin(j + i);
    feeds['x' + i] = new ort.Tensor('float32', data, [Number(m), Number(k)]);
  }
  const read = threads === '1' ? () => { const used = process.cpuUsage(); return used.user + used.system; }
                               : () => Number(process.hrtime.bigint()) / 1e3;
  await session.run(feeds);
  const times = [];
  const end = Date.now() + 1000 * seconds;
  while (times.length < 5 || Date.now() < end) {
    const start = read();
    await session.run(feeds);
    times.push((read() - start) / inputs);
  }
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({us: times[times.length >> 1], us_least: times[0]}));
}

main().catch(error => {
  console.error('onnxruntime: ' + error.message);
  process.exit(1);
});
