//===- weights.js - a safetensors file in the module's memory -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file is copied to where code reads it as it arrives, so that it isn't held
// twice. Nothing in it is trusted before its names, types, shapes, structure and
// checksum are those of the program.
//
//===----------------------------------------------------------------------===//

/** The pieces of a response's body. */
async function* readBody(response) {
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done)
      return;
    yield value;
  }
}

/** The pieces of a file beside the module. */
async function* readFile(url, signal) {
  try {
    if (url.protocol === "file:") {
      const { createReadStream } = await import("node:fs");
      return yield* createReadStream(url, { signal, highWaterMark: 2 ** 20 });
    }
    const response = await fetch(url, { signal });
    if (!response.ok)
      throw new LowbitError("network", `'${url}' cannot be fetched: HTTP ${response.status}`);
    yield* readBody(response);
  } catch (error) {
    throw asLowbitError(error, "network", `'${url}' cannot be read`);
  }
}

/** Pieces as one. */
async function join(chunks) {
  const all = [];
  for await (const chunk of chunks)
    all.push(chunk);
  return all.length === 1 ? all[0] : new Uint8Array(await new Blob(all).arrayBuffer());
}

function failFormat(what) {
  throw new LowbitError("corrupted", `the weights are no valid safetensors file: ${what}`);
}

/** The bytes that come before a file's data, or nothing if these don't say it. */
function measureHeader(bytes) {
  if (bytes.length < 8)
    return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  // The format's own bound.
  if (length > 100_000_000n)
    failFormat(`a header of ${length} bytes`);
  return 8 + Number(length);
}

/** The header of a file: metadata, tensors, and the bytes of the data behind it. */
function parseHeader(bytes) {
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    failFormat(error.message);
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  let size = 0;
  for (const [name, entry] of Object.entries(entries)) {
    const [first, last] = entry?.data_offsets ?? [];
    if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 <= first && first <= last))
      failFormat(`tensor '${name}' has no bytes`);
    size = Math.max(size, last);
  }
  return { metadata, entries, size };
}

/** Copies a file's data to memory, in pieces as they come. */
async function placeFile(engine, chunks) {
  let head = new Uint8Array(0), file, at = 0;
  for await (let chunk of chunks) {
    if (!file) {
      head = head.length ? await join([head, chunk]) : chunk;
      const begin = measureHeader(head);
      if (!(begin <= head.length))
        continue;
      file = parseHeader(head.subarray(8, begin));
      file.data = engine.reserve(file.size);
      chunk = head.subarray(begin);
    }
    if (at + chunk.length <= file.size)
      engine.view(Uint8Array, file.data + at, chunk.length).set(chunk);
    at += chunk.length;
  }
  if (!file)
    failFormat(`it ends after ${head.length} bytes`);
  if (at !== file.size)
    failFormat(`it must have ${file.size} bytes of data, found ${at}`);
  return file;
}

/** Names in the order of their bytes in UTF-8, which that of code points is. */
const compareNames = (a, b) => {
  const [x, y] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < x.length && i < y.length; ++i)
    if (x[i] !== y[i])
      return x[i].codePointAt(0) - y[i].codePointAt(0);
  return x.length - y.length;
};

/** Compares the data with the checksum that the file carries. */
function checkSum(engine, { metadata, entries, data }) {
  if (metadata.checksum === undefined)
    return;
  const digests = Object.entries(entries).sort(([a], [b]) => compareNames(a, b))
    .map(([, { data_offsets: [first, last] }]) => engine.hash(data + first, last - first));
  const place = engine.reserve(8 * digests.length);
  engine.view(BigUint64Array, place, digests.length).set(digests);
  const found = engine.hash(place, 8 * digests.length).toString(16).padStart(16, "0");
  engine.release(place);
  if (found !== metadata.checksum)
    throw new LowbitError("corrupted",
      `the weights are damaged: their checksum is ${found}, the one that they carry ` +
      metadata.checksum);
}

/** The addresses of the variant's weights in a file's data. */
function findWeights(manifest, variant, { metadata, entries, data }) {
  const fail = (what) => {
    throw new LowbitError("bad-input", `${what}: the weights are not for this program`);
  };
  if (metadata.structure !== undefined && metadata.structure !== manifest.structure)
    fail(`the weights must have structure ${manifest.structure}, found ${metadata.structure}`);
  return variant.weights.map((index) => {
    const { name, type, shape } = manifest.weights[index];
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (!entry)
      fail(`there is no tensor '${name}'`);
    if (entry.dtype !== type || String(entry.shape) !== String(shape))
      fail(`tensor '${name}' must be ${type} ${printShape(shape)}, found ` +
        `${entry.dtype} ${printShape(entry.shape ?? [])}`);
    return data + entry.data_offsets[0];
  });
}

/** The bytes of a tensor, whose type is called as in safetensors files. */
const countBytes = ({ type, shape }) =>
  countElements(shape) * (type === "BOOL" ? 1 : Number(/\d+/.exec(type)[0]) / 8);

/** Each tensor in memory of its own. */
function placeWeights(engine, manifest, variant, weights) {
  return variant.weights.map((index) => {
    const tensor = manifest.weights[index], { name } = tensor;
    const value = weights.get(name);
    if (value === undefined)
      throw new LowbitError("bad-input", `there are no weights for tensor '${name}'`);
    const bytes = takeBytes(value, "weights", name);
    if (bytes.length !== countBytes(tensor))
      throw new LowbitError("bad-input",
        `tensor '${name}' requires ${countBytes(tensor)} bytes (${tensor.type} ${printShape(tensor.shape)}), ` +
        `found ${bytes.length}`);
    const address = engine.reserve(bytes.length);
    engine.view(Uint8Array, address, bytes.length).set(bytes);
    return address;
  });
}

/**
 * Binds weights: returns the address of the table of their addresses. `weights`
 * are the pieces of a file, or a map from the names of tensors to their bytes.
 */
async function bindWeights(engine, manifest, variant, weights) {
  let addresses;
  if (weights instanceof Map) {
    addresses = placeWeights(engine, manifest, variant, weights);
  } else {
    const file = await placeFile(engine, weights);
    checkSum(engine, file);
    addresses = findWeights(manifest, variant, file);
  }
  const table = engine.reserve(4 * addresses.length + 4);
  engine.view(Uint32Array, table, addresses.length).set(addresses);
  return table;
}
