// usage: node run_onnxruntime.cjs FOLDER MODEL.onnx TASK THREADS
//
// The counterpart of run_program.py for ONNX Runtime, which is found in
// FOLDER/node_modules: for each line on standard input, runs the model once and
// prints seconds as JSON. A decoder that takes a past generates tokens behind
// its prompt, too.
const path = require('path');
const readline = require('readline');

const [folder, model, taskText, threads] = process.argv.slice(2);
const ort = require(path.resolve(folder, 'node_modules', 'onnxruntime-node'));
const task = JSON.parse(taskText);

// The batch is 1; all other extents without a number are of the text, or sums
// such as `past_seq + seq`.
function shapeOf(metadata, count, past) {
  return metadata.shape.map((extent, i) => {
    if (typeof extent === 'number' && extent > 0)
      return extent;
    if (i === 0)
      return 1;
    return extent.split('+').reduce(
        (sum, part) => sum + (part.trim().startsWith('past') ? past : count), 0);
  });
}

function sizeOf(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

function makeInput(metadata, count, past) {
  const shape = shapeOf(metadata, count, past);
  const isInteger = metadata.type.startsWith('int64');
  const data = isInteger ? new BigInt64Array(sizeOf(shape)).fill(1n)
                         : new Float32Array(sizeOf(shape)).fill(0.5);
  return new ort.Tensor(metadata.type, data, shape);
}

// Seconds: of the processor for one thread, which other load hardly disturbs.
function now() {
  const {user, system} = process.cpuUsage();
  return Number(threads) === 1 ? (user + system) / 1e6
                               : Number(process.hrtime.bigint()) / 1e9;
}

const PAST = 'past_key_values.', PRESENT = 'present.';

/// Runs over tokens of which keys and values are kept. The runtime writes those
/// of all tokens into the one half of the memory while it reads the past from
/// the other; nothing is copied between runs.
class Decoder {
  constructor(session) {
    this.session = session;
    this.pasts = session.inputMetadata.filter(m => m.name.startsWith(PAST));
    this.others = session.inputMetadata.filter(m => !m.name.startsWith(PAST));
    const most = task.prompt + task.tokens;
    this.halves = [0, 1].map(() => this.pasts.map(
        m => new Float32Array(sizeOf(shapeOf(m, 0, most)))));
  }

  keep(metadata, i, half, length) {
    const shape = shapeOf(metadata, 0, length);
    const data = this.halves[half][i].subarray(0, sizeOf(shape));
    return new ort.Tensor(metadata.type, data, shape);
  }

  // Seconds of `count` tokens behind `past` ones; `half` has their keys and values.
  async step(count, past, half) {
    const inputs = {}, outputs = {};
    for (const metadata of this.others)
      inputs[metadata.name] = makeInput(metadata, count, past);
    for (const {name} of this.session.outputMetadata)
      outputs[name] = null;
    this.pasts.forEach((metadata, i) => {
      inputs[metadata.name] = this.keep(metadata, i, half, past);
      outputs[PRESENT + metadata.name.slice(PAST.length)] =
          this.keep(metadata, i, 1 - half, past + count);
    });
    const start = now();
    await this.session.run(inputs, outputs);
    return now() - start;
  }

  async run() {
    const prompt = await this.step(task.prompt, 0, 0);
    const steps = [];
    for (let i = 0; i < task.tokens; ++i)
      steps.push(await this.step(1, task.prompt + i, 1 - i % 2));
    steps.sort((a, b) => a - b);
    // As in run_program.py.
    return {prompt, decode: steps[Math.floor(steps.length / 8)]};
  }
}

/// Runs over whole inputs.
class Encoder {
  constructor(session) {
    this.session = session;
    this.inputs = {};
    for (const metadata of session.inputMetadata)
      this.inputs[metadata.name] = makeInput(metadata, task.prompt || task.length, 0);
  }

  async run() {
    const start = now();
    await this.session.run(this.inputs);
    return {[task.prompt ? 'prompt' : 'run']: now() - start};
  }
}

async function main() {
  const session = await ort.InferenceSession.create(
      model, {intraOpNumThreads: Number(threads), interOpNumThreads: 1,
              graphOptimizationLevel: 'all'});
  const hasPast = session.inputNames.some(name => name.startsWith(PAST));
  const runner = new (hasPast ? Decoder : Encoder)(session);
  for await (const line of readline.createInterface({input: process.stdin}))
    console.log(JSON.stringify(line.trim() === 'run' ? await runner.run() : {}));
}

main().catch(error => {
  console.error(String(error));
  process.exit(1);
});
