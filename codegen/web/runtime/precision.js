//===- precision.js - one of several precisions of a model ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** What to do where fetch reads no files, as in node: a module has no other address there. */
function explainFile(error, url) {
  return url.protocol === "file:" && error.code === "network"
    ? new LowbitError("network", `${error.message}; where fetch reads no files, give load read, a ` +
      "function from a file's name to its bytes, or baseURL, an http address of the files", error)
    : error;
}

/** Files beside the module, which are read the caller's way, or fetched. */
class Files {
  constructor({ read, baseURL }) {
    this.base = readBaseURL(baseURL, import.meta.url);
    this.callersRead = read;
  }

  /** A whole file, of which nothing is known. */
  async read(file, signal) {
    return this.callersRead ? await this.readCallers(file, signal)
      : await (await this.download(file, signal)).readAll();
  }

  /** A file that should have `size` bytes, to be read piece by piece; `onBytes` counts what has arrived. */
  async open(file, signal, onBytes, size) {
    if (!this.callersRead)
      return await this.download(file, signal, onBytes);
    let counted = 0;
    const count = (bytes) => {
      counted += bytes;
      onBytes?.(bytes);
    };
    const bytes = await this.readCallers(file, signal, count, size);
    throwIfAborted(signal);
    // A caller's reader may leave the counting out.
    if (counted < bytes.byteLength)
      count(bytes.byteLength - counted);
    return new HeldFile(bytes);
  }

  async download(file, signal, onBytes) {
    const url = new URL(file, this.base);
    try {
      return await Download.open(url.href, signal, onBytes);
    } catch (error) {
      throw explainFile(error, url);
    }
  }

  async readCallers(file, ...rest) {
    let bytes;
    try {
      bytes = await this.callersRead(file, ...rest);
    } catch (error) {
      throw asLowbitError(error, "network", `'${file}' cannot be read`);
    }
    return takeBytes(bytes, "read", file);
  }
}

/** The options of the functions that only look at precisions: of all, and of the choice of one. */
const LIST_OPTIONS = { signal: "signal", baseURL: "any", read: "function" };
const PRECISION_OPTIONS = { backend: "any", device: "device", memory: "any", minAccuracy: "any", ...LIST_OPTIONS };

/** Reads a manifest and checks that this text of the module is for it. */
async function readManifest(files, file, signal) {
  let manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(await files.read(file, signal)));
  } catch (error) {
    throw asLowbitError(error, "corrupted", `the manifest '${file}' cannot be read`);
  }
  if (manifest.format !== "lowbit-web" || manifest.version !== 1)
    throw new LowbitError("corrupted", `'${file}' is no manifest of version 1`);
  return manifest;
}

const quoteNames = (list) => list.map(({ name }) => `'${name}'`).join(", ");

/** Who decides whether products are in f16, where some variants have them: nobody without. */
function findWhoTakesHalves(variants) {
  const halves = variants.filter(({ f16 }) => f16);
  if (!halves.length)
    return null;
  return halves.some(({ onRequest }) => !onRequest) ? "device" : "request";
}

/** What pages get to see of a precision. */
function describePrecision({
  name, floatBytes, packedBytes, memoryBytes, wasmMemoryBytes, bitsPerWeight, accuracy, divergence, variants = [],
}) {
  return {
    name, floatBytes, packedBytes, memoryBytes, wasmMemoryBytes: wasmMemoryBytes ?? null, bitsPerWeight,
    accuracy: accuracy ?? null, divergence: divergence ?? null, f16: findWhoTakesHalves(variants),
  };
}

/** The variant of a precision that `load` takes on the caller's device, or an adapter; null without. */
async function foreseeVariant({ variants = [] }, { backend, device }) {
  if (backend === "wasm" || !variants.length)
    return null;
  const found = device ?? await findAdapter();
  return found ? chooseVariant({ variants }, undefined, found.features,
    describeAdapter(device ? device.adapterInfo : found.info)).name : null;
}

/** The first of `list` where `isBetter` says so of it and every other. */
const findBest = (list, isBetter) =>
  list.reduce((best, candidate) => isBetter(candidate, best) ? candidate : best);

function checkBound(name, value, most) {
  if (value !== undefined && !(typeof value === "number" && value >= 0 && value <= most))
    throw new LowbitError("bad-input",
      `${name} requires a number ${most === Infinity ? "of at least 0" : `from 0 to ${most}`}, found ${describeValue(value)}`);
}

/** Bytes that a precision takes on a back end; infinitely many where nothing is known. */
const getMemory = ({ memoryBytes, wasmMemoryBytes }, backend) =>
  (backend === "wasm" ? wasmMemoryBytes : memoryBytes) ?? Infinity;

const describeBound = (memory, backend) =>
  `at most ${memory} bytes${backend === "wasm" ? " on WebAssembly" : ""}`;

/** Those that have the memory; the error names the nearest. */
function selectByMemory(precisions, memory, backend) {
  if (memory === undefined)
    return precisions;
  const fitting = precisions.filter((precision) => getMemory(precision, backend) <= memory);
  if (fitting.length > 0)
    return fitting;
  const least = findBest(precisions, (a, b) => getMemory(a, backend) < getMemory(b, backend));
  const bytes = getMemory(least, backend);
  if (bytes === Infinity)
    throw new LowbitError("no-variant", `at most ${memory} bytes are asked for, and what the ` +
      "model takes of WebAssembly's memory only a run tells; load it without memory");
  throw new LowbitError("no-variant",
    `no precision of the model takes ${describeBound(memory, backend)}; the smallest, '${least.name}', takes ${bytes}`);
}

/** Those that have the memory and are accurate enough; errors name the nearest. */
function selectFitting(precisions, memory, minAccuracy, backend) {
  const fitting = selectByMemory(precisions, memory, backend);
  if (minAccuracy === undefined)
    return fitting;
  const measured = fitting.filter(({ accuracy }) => accuracy !== undefined);
  if (measured.length === 0)
    throw new LowbitError("no-variant",
      `an accuracy of ${minAccuracy} is asked for, and none was measured of ` +
      `${quoteNames(fitting)}; compile with --evaluate`);
  const accurate = measured.filter(({ accuracy }) => accuracy >= minAccuracy);
  if (accurate.length > 0)
    return accurate;
  const nearest = findBest(measured, (a, b) => a.accuracy > b.accuracy);
  throw new LowbitError("no-variant",
    `no precision ${memory === undefined ? "" : `of ${describeBound(memory, backend)} `}has an accuracy of ` +
    `${minAccuracy}; the best, '${nearest.name}', has ${nearest.accuracy}`);
}

/**
 * Whether `a` is to be preferred: the lower divergence where both have one, then
 * the higher accuracy, then more bits, then less memory.
 */
function isPreferred(a, b) {
  const order = [
    [b.divergence, a.divergence], [a.accuracy, b.accuracy],
    [a.bitsPerWeight, b.bitsPerWeight], [b.memoryBytes, a.memoryBytes],
  ];
  for (const [own, other] of order)
    if (own !== undefined && other !== undefined && own !== other)
      return own > other;
  return false;
}

/** The best within bounds on `backend`, or on what a load would take. */
async function chooseBest({ precisions }, options, backend) {
  const { memory, minAccuracy } = options;
  checkBound("memory", memory, Infinity);
  checkBound("minAccuracy", minAccuracy, 1);
  const foreseen = memory === undefined ? "webgpu" : backend ?? await foreseeBackend(options, precisions);
  return findBest(selectFitting(precisions, memory, minAccuracy, foreseen), isPreferred);
}

/** The module's manifest, whose list of precisions, if it has one, can be read. */
async function readIndex(files, signal) {
  const index = await readManifest(files, MANIFEST, signal);
  const isEntry = (entry) => typeof entry?.name === "string" &&
    typeof entry.manifest === "string" && Number.isFinite(entry.memoryBytes) &&
    Number.isFinite(entry.wasmMemoryBytes ?? 0) &&
    Array.isArray(entry.variants ?? []) && (entry.variants ?? []).every((variant) => Array.isArray(variant?.features));
  const { precisions } = index;
  if (precisions !== undefined &&
      !(Array.isArray(precisions) && precisions.length > 0 && precisions.every(isEntry)))
    throw new LowbitError("corrupted",
      `'${MANIFEST}' requires precisions with name, manifest, memoryBytes and variants`);
  return index;
}

/**
 * What `choose` makes of the manifest for the function `what`, whose options are those
 * of `known`; of a module of one precision, which has none of them, an error.
 */
async function askPrecisions(what, options, known, choose) {
  try {
    checkOptions(what, options, known);
    const index = await readIndex(new Files(options), options.signal);
    if (!index.precisions)
      throw new LowbitError("bad-input",
        "the module has one precision; compile with --quantize=int8,int4-g32, say, for several");
    return await choose(index);
  } catch (error) {
    throw asLowbitError(error, "internal", "the precisions cannot be read");
  }
}

/** What the module has, in the order in which it was compiled. */
export async function listPrecisions(options = {}) {
  return askPrecisions("listPrecisions", options, LIST_OPTIONS,
    ({ precisions }) => precisions.map(describePrecision));
}

/** The best precision within bounds. See the declarations beside this file. */
export async function determineBestVariant(options = {}) {
  return askPrecisions("determineBestVariant", options, PRECISION_OPTIONS,
    async (index) => {
      const best = await chooseBest(index, options);
      return { ...describePrecision(best), variant: await foreseeVariant(best, options) };
    });
}

/**
 * The manifest of the precision that `options` ask for, with its entry in the
 * module's; of a module of one precision its manifest, and no entry. Bounds are for
 * `backend`, or for what a load would take.
 */
async function readModel(files, options, backend) {
  const { precision, memory, minAccuracy, signal } = options;
  const index = await readIndex(files, signal);
  const isChosen = memory !== undefined || minAccuracy !== undefined;
  if (precision !== undefined && isChosen)
    throw new LowbitError("bad-input",
      "load requires a precision or the bounds memory and minAccuracy, found both");
  if (!index.precisions) {
    if (precision !== undefined || isChosen)
      throw new LowbitError("bad-input",
        "the module has one precision; load it without precision, memory and minAccuracy");
    return { manifest: index };
  }
  const name = precision?.name ?? precision;
  const entry = name === undefined
    ? (isChosen ? await chooseBest(index, options, backend) : index.precisions[0])
    : index.precisions.find((candidate) => candidate.name === name);
  if (!entry)
    throw new LowbitError("bad-input", `the module has no precision ${describeValue(name)}; it has ` +
      quoteNames(index.precisions));
  return { manifest: await readManifest(files, entry.manifest, signal), entry };
}
