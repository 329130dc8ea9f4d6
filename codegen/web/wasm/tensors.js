//===- tensors.js - inputs and their shapes -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** What an input was given: its elements, and its shape if it says so. */
function readInput(tensor, value) {
  const data = findElements(tensor, value);
  const shape = value.shape ?? value.dims;
  return { tensor, data, shape: shape && Array.from(shape, Number) };
}

/** The shape of an input that doesn't say it, from how many elements it has. */
function inferShape({ tensor, data }, symbols) {
  const shape = tensor.shape.map((extent) => symbols.get(extent) ?? extent);
  const open = shape.flatMap((extent, i) => typeof extent === "number" && extent >= 0 ? [] : [i]);
  if (open.length > 1)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' of shape ${printShape(tensor.shape)} requires its shape: ` +
      "give { data, shape }");
  if (open.length === 1) {
    const rest = countElements(shape.filter((_, i) => i !== open[0]));
    shape[open[0]] = rest ? Math.floor(data.length / rest) : 0;
  }
  return shape;
}

/** Checks extents against those declared, and those that symbols have elsewhere. */
function checkShape({ tensor, data, shape }, symbols) {
  if (shape.length !== tensor.shape.length)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' requires rank ${tensor.shape.length}, found ${printShape(shape)}`);
  for (const [i, extent] of shape.entries()) {
    const wanted = tensor.shape[i];
    if (!Number.isSafeInteger(extent) || extent < 0)
      throw new LowbitError("bad-input",
        `input '${tensor.name}': extent ${i} must be a whole number, found ${extent}`);
    if (typeof wanted === "string" && !symbols.has(wanted))
      symbols.set(wanted, extent);
    const known = typeof wanted === "string" ? symbols.get(wanted) : wanted;
    if (known >= 0 && extent !== known)
      throw new LowbitError("bad-input",
        `input '${tensor.name}': extent ${i} must be ${known}` +
        (typeof wanted === "string" ? `, as '${wanted}' is elsewhere` : "") + `, found ${extent}`);
  }
  if (countElements(shape) !== data.length)
    throw new LowbitError("bad-input",
      `input '${tensor.name}' requires ${countElements(shape)} elements for shape ` +
      `${printShape(shape)}, found ${data.length}`);
}
