//===- device.js - adapters, limits, and devices that go away -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** Adapters that compute on the CPU, by what they say of themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|warp/i;

/** What is known of an adapter: nothing measured on software is a GPU's speed. */
function describeAdapter(info) {
  const vendor = info?.vendor ?? "";
  const architecture = info?.architecture ?? "";
  const description = info?.description ?? "";
  const isSoftware = Boolean(info?.isFallbackAdapter) ||
    SOFTWARE.test(`${vendor} ${architecture} ${description}`);
  return { vendor, architecture, description, isSoftware };
}

/**
 * The size of workgroups that `load` was asked for, or that kernels are made for:
 * one that no kernel is too small for, up to what the device allows.
 */
function checkWorkgroupSize(size = 64) {
  if (![64, 128, 256, 512].includes(size))
    throw new LowbitError("bad-input",
      `workgroupSize requires 64, 128, 256 or 512, found ${describeValue(size)}`);
  return size;
}

/** The limits of a device that a manifest's buffers and workgroups need. */
function requiredLimits(manifest, workgroupSize) {
  let largest = 0;
  for (const schedule of Object.values(manifest.functions))
    for (const buffer of schedule.buffers)
      largest = Math.max(largest, buffer.bytes);
  return {
    maxBufferSize: largest, maxStorageBufferBindingSize: largest,
    maxComputeInvocationsPerWorkgroup: workgroupSize, maxComputeWorkgroupSizeX: workgroupSize,
    maxComputeWorkgroupStorageSize: workgroupSize > 256 ? 32768 : 16384,
  };
}

/** Fails unless every limit is within what `limits` offers. */
function checkLimits(required, limits, workgroupSize) {
  for (const [name, value] of Object.entries(required)) {
    // Every device has what the least size takes.
    const who = name.startsWith("maxCompute") ? `workgroupSize of ${workgroupSize}` : "the model";
    if (value > limits[name])
      throw new LowbitError("unsupported",
        `${who} needs ${name} of ${value}, the adapter has ${limits[name]}`);
  }
}

/** The fastest adapter, if there is one. */
const findAdapter = () => globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });

/**
 * A device for a model: the caller's, or a new one of the fastest adapter with
 * limits no higher than needed (a default device serves most models); and the
 * variant of the model for it.
 */
async function openDevice(given, manifest, name, workgroupSize) {
  const required = requiredLimits(manifest, workgroupSize);
  if (given) {
    checkLimits(required, given.limits, workgroupSize);
    const adapter = describeAdapter(given.adapterInfo);
    const variant = chooseVariant(manifest, name, given.features, adapter, "device");
    return {
      device: given, isOwn: false, adapter, variant,
      halves: describeHalves(manifest, variant, name, given.features, "device"),
    };
  }
  if (!globalThis.navigator?.gpu)
    throw new LowbitError("no-webgpu", "this browser has no WebGPU (navigator.gpu)");
  const adapter = await findAdapter();
  if (!adapter)
    throw new LowbitError("no-adapter", "WebGPU found no adapter");
  checkLimits(required, adapter.limits, workgroupSize);
  const raised = {};
  const defaults = {
    maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27,
    maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupStorageSize: 16384,
  };
  for (const [name, value] of Object.entries(required))
    if (value > defaults[name])
      raised[name] = value;
  const description = describeAdapter(adapter.info);
  const variant = chooseVariant(manifest, name, adapter.features, description);
  const halves = describeHalves(manifest, variant, name, adapter.features);
  try {
    const device = await adapter.requestDevice({
      requiredLimits: raised,
      requiredFeatures: variant.features.filter(isDeviceFeature).map(nameFeature),
    });
    return { device, isOwn: true, adapter: description, variant, halves };
  } catch (error) {
    throw asLowbitError(error, "no-device", "the adapter gave no device");
  }
}

/**
 * Whether the browser is Firefox, which looks whether work is done ten times a second,
 * and whenever something is submitted. Others only call their engine's name "like" its.
 * Its name tells, as nothing else does: a wait for an idle queue is anything up to
 * a tenth of a second there, and may be as long with a GPU that is at work elsewhere.
 */
const looksRarely = () => /\bGecko\/\d/.test(globalThis.navigator?.userAgent);

/** Milliseconds after which it is made to look. */
const LOOK = 4;

/** Sizes of the workgroups of dispatches, the most used first. */
function countWorkgroups(dispatches) {
  const counts = new Map();
  for (const { workgroupSize } of dispatches) {
    const key = workgroupSize.join();
    counts.set(key, { size: workgroupSize, dispatches: (counts.get(key)?.dispatches ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.dispatches - a.dispatches);
}

/** A device and all that was made on it; it ends when the device is lost. */
class DeviceScope extends Scope {
  constructor({ device, isOwn, adapter, variant, halves }, workgroupSize) {
    super();
    this.device = device;
    this.variant = variant;
    this.halves = halves;
    this.workgroupSize = workgroupSize;
    this.isOwn = isOwn;
    this.adapter = adapter;
    this.buffers = [];
    this.bytes = 0;
    // A device that is shared outlives its models.
    const self = new WeakRef(this);
    device.lost.then((info) => self.deref()?.release(new LowbitError("device-lost",
      `the GPU device was lost (${info.reason || "unknown"}): ${info.message}`)));
  }

  createBuffer(label, size, usage) {
    const buffer = this.device.createBuffer({ label, size, usage });
    this.buffers.push(buffer);
    this.bytes += size;
    return buffer;
  }

  openErrorScopes() {
    this.device.pushErrorScope("validation");
    this.device.pushErrorScope("out-of-memory");
  }

  /** Fails with what the device found wrong since they were opened, or with `thrown`. */
  async closeErrorScopes(thrown) {
    const scopes = Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]);
    const [memory, validation] = await this.until(scopes);
    if (memory)
      throw new LowbitError("out-of-memory", `the GPU is out of memory: ${memory.message}`);
    if (thrown)
      throw thrown;
    if (validation)
      throw new LowbitError("internal", `WebGPU refused a command: ${validation.message}`);
  }

  /** The result of `work`, or the error of the device meanwhile. */
  async guard(work) {
    this.openErrorScopes();
    let result, thrown;
    try {
      result = await this.until(work());
    } catch (error) {
      thrown = error;
    }
    await this.closeErrorScopes(thrown);
    return result;
  }

  /**
   * Does `work`, which waits for nothing, so that it may come in the middle of what
   * is guarded: scopes are a stack. Resolves when the device has found nothing wrong.
   */
  check(work) {
    this.openErrorScopes();
    let thrown;
    try {
      work();
    } catch (error) {
      thrown = error;
    }
    return this.closeErrorScopes(thrown);
  }

  /** What `promise` gives, which waits for the queue. */
  async wait(promise) {
    if (!looksRarely())
      return promise;
    const timer = setInterval(() => {
      if (this.isReleased)
        clearInterval(timer);
      else
        this.device.queue.submit([]);
    }, LOOK);
    try {
      return await promise;
    } finally {
      clearInterval(timer);
    }
  }

  /** The part of a report that is about the back end. */
  describe(manifest, program) {
    return {
      backend: "webgpu",
      fallback: null,
      variant: this.variant.name,
      variants: manifest.variants.map(({ name }) => name),
      f16: this.halves,
      adapter: this.adapter,
      packedBytes: sumBytes(manifest.weights),
      kernels: findKernels(manifest).size,
      dispatches: program.steps.length,
      workgroups: countWorkgroups(program.steps),
    };
  }

  free() {
    for (const buffer of this.buffers)
      buffer.destroy();
    this.buffers.length = 0;
    this.bytes = 0;
    if (this.isOwn)
      this.device.destroy();
  }
}
