//===- program.js - one run of a model ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled code trusts its arguments, so everything is checked here: names,
// shapes, that a symbol has one value wherever it occurs, and what the model
// requires of its extents.
//
//===----------------------------------------------------------------------===//

/** The sum of the bytes of descriptors. */
const sumDescriptors = (tensors) =>
  tensors.reduce((sum, { shape }) => sum + descriptorBytes(shape.length), 0);

/** Inputs by name, in the program's order, with shapes. */
function readInputs(manifest, inputs) {
  checkNames(manifest.inputs, inputs);
  const read = manifest.inputs.map((tensor) => readInput(tensor, inputs[tensor.name]));
  // Those that say their shape tell what symbols are.
  const symbols = new Map();
  for (const input of read.filter(({ shape }) => shape))
    checkShape(input, symbols);
  for (const input of read.filter(({ shape }) => !shape)) {
    input.shape = inferShape(input, symbols);
    checkShape(input, symbols);
  }
  return read;
}

/** Asks the code for what the model requires beyond each shape. */
function checkRequirements(engine, manifest, inputs) {
  for (const [i, { text, extents }] of manifest.requirements.entries()) {
    const values = extents.map(([input, axis]) => BigInt(inputs[input].shape[axis]));
    const place = engine.reserve(8 * values.length + 8);
    engine.view(BigInt64Array, place, values.length).set(values);
    const holds = engine.call(`${manifest.model}_holds_${i}`, place);
    engine.release(place);
    if (holds)
      continue;
    const found = extents.map(([input, axis], k) =>
      `extent ${axis} of '${manifest.inputs[input].name}' = ${values[k]}`);
    throw new LowbitError("bad-input", `inputs must satisfy ${text}, found ${found.join(", ")}`);
  }
}

/** Runs a function that computes everything anew. Nothing stays but the weights. */
function runOnce(engine, manifest, variant, weights, inputs) {
  const read = readInputs(manifest, inputs);
  checkRequirements(engine, manifest, read);
  const { outputs } = manifest;
  const { export: name, workspace } = variant.functions.main;
  const resultBytes = sumDescriptors(outputs);
  const pointers = (outputs.length ? 1 : 0) + read.length + (workspace === undefined ? 0 : 1);
  const reserved = [];
  const reserve = (bytes) => {
    reserved.push(engine.reserve(bytes));
    return reserved.at(-1);
  };
  try {
    const results = reserve(resultBytes + 8);
    const table = outputs.length ? [results] : [];
    for (const { tensor, data, shape } of read) {
      const Type = ARRAYS[tensor.type];
      // Before elements are looked at, of which there may be more than fit.
      const address = reserve(data.length * Type.BYTES_PER_ELEMENT);
      checkType(tensor, data, Type);
      checkIndices(tensor, data);
      const elements = convert(Type, data);
      engine.view(Type, address, elements.length).set(elements);
      const descriptor = reserve(descriptorBytes(shape.length));
      writeDescriptor(engine, descriptor, address, shape);
      table.push(descriptor);
    }
    if (workspace !== undefined) {
      const descriptor = reserve(descriptorBytes(1));
      writeDescriptor(engine, descriptor, reserve(workspace), [workspace]);
      table.push(descriptor);
    }
    const arguments_ = reserve(4 * pointers + 4);
    engine.view(Uint32Array, arguments_, table.length).set(table);
    engine.call(name, arguments_, weights);
    return readResults(engine, outputs, results);
  } finally {
    engine.exports.lowbit_sweep();
    for (const address of reserved)
      engine.release(address);
  }
}
