// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Computes what ONNX Runtime computes for the models of models.py:
//
//   npm install --ignore-scripts onnxruntime-node   (in any folder)
//   NODE_PATH=<that folder>/node_modules node run_onnxruntime.js MODELS EXPECTED
//
// Optimizations are off: some of them round activations to 8 bits, which is not
// what the models say.
const fs = require('fs');
const path = require('path');
const ort = require('onnxruntime-node');

const types = {
  float32: ['<f4', Float32Array],
  float16: ['<f2', Uint16Array],
  int64: ['<i8', BigInt64Array],
  int32: ['<i4', Int32Array],
  int16: ['<i2', Int16Array],
  uint16: ['<u2', Uint16Array],
  int8: ['|i1', Int8Array],
  uint8: ['|u1', Uint8Array],
  bool: ['|b1', Uint8Array],
};

function readNpy(file) {
  const bytes = fs.readFileSync(file);
  const size = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + size);
  const descr = header.match(/'descr': '([^']*)'/)[1];
  const shape = header.match(/'shape': \(([^)]*)\)/)[1]
                    .split(',').filter(s => s.trim()).map(Number);
  const [type, [, Array]] =
      Object.entries(types).find(([, [code]]) => code === descr);
  const data = new Uint8Array(bytes.subarray(10 + size));
  return new ort.Tensor(type, new Array(data.buffer), shape);
}

function writeNpy(file, tensor) {
  const [descr] = types[tensor.type];
  const shape = tensor.dims.map(d => d + ',').join(' ');
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  header = header.padEnd(117) + '\n';
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  const {buffer, byteOffset, byteLength} = tensor.data;
  fs.writeFileSync(file, Buffer.concat([
    start, Buffer.from(header, 'latin1'), Buffer.from(buffer, byteOffset, byteLength)]));
}

async function main(models, expected) {
  for (const file of fs.readdirSync(models).filter(f => f.endsWith('.onnx'))) {
    const family = path.basename(file, '.onnx');
    const session = await ort.InferenceSession.create(
        path.join(models, file), {graphOptimizationLevel: 'disabled'});
    const inputs = {};
    for (const name of session.inputNames)
      inputs[name] = readNpy(path.join(models, `${family}.in.${name}.npy`));
    const outputs = await session.run(inputs);
    for (const name of session.outputNames)
      writeNpy(path.join(expected, `${family}.${name}.npy`), outputs[name]);
  }
}

main(process.argv[2], process.argv[3]);
