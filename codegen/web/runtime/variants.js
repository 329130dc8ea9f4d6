//===- variants.js - which kernels an adapter runs ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** Features of WGSL itself, which no device is asked for, by their names in manifests. */
const LANGUAGE_FEATURES = { packed_dot: "packed_4x8_integer_dot_product" };

/** What an adapter is, and no device is asked for: one that computes on a processor. */
const SOFTWARE_FEATURE = "software";

/** What WebGPU calls features of devices whose names are others in manifests. */
const DEVICE_FEATURES = { f16: "shader-f16" };

const nameFeature = (name) => DEVICE_FEATURES[name] ?? name;

/** Whether a device must be asked for a feature. */
const isDeviceFeature = (name) => name !== SOFTWARE_FEATURE && !(name in LANGUAGE_FEATURES);

/** Whether the browser, or a device or adapter with `features`, has what a variant relies on. */
function hasFeature(name, features, adapter) {
  if (name === SOFTWARE_FEATURE)
    return adapter.isSoftware;
  const language = LANGUAGE_FEATURES[name];
  return language ? Boolean(globalThis.navigator?.gpu?.wgslLanguageFeatures?.has(language))
    : features.has(nameFeature(name));
}

/**
 * The variants that are asked for: the one of this name, or with a name that ends in
 * `+` all with its features, first what only a request gives. Those that change numbers
 * must be named: without a name there are none of them.
 */
function findVariants({ variants }, name) {
  if (name !== undefined && !String(name).endsWith("+"))
    return variants.filter((variant) => variant.name === name);
  const wanted = name === undefined ? [] : name.slice(0, -1).split("+");
  const found = variants.filter(({ features, onRequest = [] }) =>
    wanted.every((feature) => features.includes(feature)) && onRequest.every((feature) => wanted.includes(feature)));
  return [...found.filter(({ onRequest }) => onRequest), ...found.filter(({ onRequest }) => !onRequest)];
}

/**
 * The first variant that is asked for and whose features are there, or an error; those
 * that make use of more come first. `who` is what has the features.
 */
function chooseVariant(manifest, name, features, adapter, who = "adapter") {
  const candidates = findVariants(manifest, name);
  if (!candidates.length)
    throw new LowbitError("bad-input", `the module has no variant ${describeValue(name)}; it has ` +
      manifest.variants.map((variant) => `'${variant.name}'`).join(", "));
  const isThere = (feature) => hasFeature(feature, features, adapter);
  const chosen = candidates.find((variant) => variant.features.every(isThere));
  if (!chosen)
    throw new LowbitError("unsupported", `variant '${name}' needs the feature '` +
      `${nameFeature(candidates.at(-1).features.find((feature) => !isThere(feature)))}', which the ${who} lacks`);
  return chosen;
}

/** Kernels that some of `variants` compute in f16. */
const findHalves = (variants) => new Set(variants.flatMap(({ f16 = [] }) => f16));

/** Why a variant leaves products in f32, with `features` of what is called `who`. */
function explainFloats({ variants }, chosen, name, features, who) {
  const unasked = findHalves(variants.filter(({ onRequest }) => !onRequest));
  if ([...unasked].every((kernel) => chosen.f16?.includes(kernel)))
    return "their activations are f32, and f16 would change results: variant 'f16+' asks for it";
  if (!features.has(nameFeature("f16")))
    return `the ${who} lacks '${nameFeature("f16")}'`;
  if (chosen.features.includes(SOFTWARE_FEATURE))
    return "the adapter computes on a processor, which is faster in f32";
  return `variant '${name}' asks for them`;
}

/**
 * How many products of all functions a variant computes in f16, of how many that there
 * are such kernels for, and why it isn't all; null for models without.
 */
function describeHalves(manifest, chosen, name, features, who = "adapter") {
  const count = (kernels) => Object.values(manifest.functions)
    .reduce((sum, { dispatches }) => sum + dispatches.filter(({ kernel }) => kernels.has(kernel)).length, 0);
  const offered = count(findHalves(manifest.variants));
  if (!offered)
    return null;
  const taken = count(findHalves([chosen]));
  return { taken, offered, reason: taken < offered ? explainFloats(manifest, chosen, name, features, who) : null };
}
