// usage: node run_onnxruntime.cjs FOLDER MODEL.onnx TASK THREADS
//
// The counterpart of run_program.py for ONNX Runtime, which is found in
// FOLDER/node_modules: for each line on standard input, runs the model once and
// prints seconds as JSON.
const path = require('path');
const readline = require('readline');

const [folder, model, taskText, threads] = process.argv.slice(2);
const ort = require(path.resolve(folder, 'node_modules', 'onnxruntime-node'));
const task = JSON.parse(taskText);
const length = task.prompt || task.length;

function makeInput(metadata) {
  // The batch is 1, all other extents without a number are the text's.
  const shape = metadata.shape.map((extent, i) =>
      typeof extent === 'number' && extent > 0 ? extent : i === 0 ? 1 : length);
  const count = shape.reduce((a, b) => a * b, 1);
  const isInteger = metadata.type.startsWith('int64');
  const data = isInteger ? new BigInt64Array(count).fill(1n)
                         : new Float32Array(count).fill(0.5);
  return new ort.Tensor(metadata.type, data, shape);
}

// Seconds: of the processor for one thread, which other load hardly disturbs.
function now() {
  const {user, system} = process.cpuUsage();
  return Number(threads) === 1 ? (user + system) / 1e6
                               : Number(process.hrtime.bigint()) / 1e9;
}

async function main() {
  const session = await ort.InferenceSession.create(
      model, {intraOpNumThreads: Number(threads), interOpNumThreads: 1,
              graphOptimizationLevel: 'all'});
  const inputs = {};
  for (const metadata of session.inputMetadata)
    inputs[metadata.name] = makeInput(metadata);
  for await (const line of readline.createInterface({input: process.stdin})) {
    const result = {};
    if (line.trim() === 'run') {
      const start = now();
      await session.run(inputs);
      result[task.prompt ? 'prompt' : 'run'] = now() - start;
    }
    console.log(JSON.stringify(result));
  }
}

main().catch(error => {
  console.error(String(error));
  process.exit(1);
});
