//===- program.js - one function of a model, ready to run -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A schedule is a list of buffers and of dispatches. All dispatches of a run are
// one compute pass, or as many as the model's arrival has stages: WebGPU orders
// them, and nothing returns to the page in between.
//
//===----------------------------------------------------------------------===//

const BINDABLE = 0x80 /* STORAGE */, TO = 0x08 /* COPY_DST */, FROM = 0x04 /* COPY_SRC */,
  MAP_READ = 0x01;

/**
 * Places for buffers that live from dispatch `first` to `last`: each takes the
 * smallest free place that is large enough, or a new one; the largest come
 * first. Returns the place of each and the sizes of all.
 */
export function planScratch(buffers) {
  const places = [], placeOf = new Map();
  const largestFirst = buffers.filter((buffer) => buffer.kind === "scratch")
    .sort((a, b) => b.bytes - a.bytes);
  for (const buffer of largestFirst) {
    let place = places.findIndex((candidate) => candidate.users.every(
      (user) => user.last < buffer.first || buffer.last < user.first));
    if (place < 0)
      place = places.push({ bytes: buffer.bytes, users: [] }) - 1;
    places[place].users.push(buffer);
    placeOf.set(buffer.name, place);
  }
  return { placeOf, sizes: places.map((place) => place.bytes) };
}

/**
 * The grid of a dispatch with workgroups of `size`: where that is ours to choose, as
 * many as hold its invocations, at most 65535 in a row.
 */
export function planGrid(dispatch, size) {
  if (!dispatch.invocations)
    return { workgroups: dispatch.workgroups, workgroupSize: dispatch.workgroupSize };
  const count = Math.ceil(dispatch.invocations / size), rows = Math.ceil(count / 65535);
  return { workgroups: [Math.ceil(count / rows), rows, 1], workgroupSize: [size, 1, 1] };
}

/**
 * The kernels of all functions: what each does to the buffers that it binds, and
 * whether the size of its workgroups is ours to choose.
 */
function findKernels(manifest) {
  const kernels = new Map();
  for (const schedule of Object.values(manifest.functions))
    for (const { kernel, bindings, invocations } of schedule.dispatches)
      kernels.set(kernel, {
        access: bindings.map((binding) => binding.access), isSized: invocations !== undefined,
      });
  return kernels;
}

/**
 * All kernels, or those that the variant has in their place, by name: their layouts,
 * and their pipelines as soon as these are there. They are created at the same time,
 * each WGSL text once; `compiled` resolves when all are.
 */
function createPipelines(scope, manifest, onPipeline) {
  const create = (name, { access, isSized }) => {
    const layout = scope.device.createBindGroupLayout({
      label: name,
      entries: access.map((kind, binding) => ({
        binding, visibility: 4 /* COMPUTE */,
        buffer: { type: kind === "read" ? "read-only-storage" : "storage" },
      })),
    });
    const entryPoint = scope.variant.kernels[name] ?? name;
    const module = scope.device.createShaderModule({
      label: entryPoint, code: manifest.kernels[entryPoint],
    });
    const created = scope.device.createComputePipelineAsync({
      label: entryPoint,
      layout: scope.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module, entryPoint,
        constants: isSized ? { workgroup_size_x: scope.workgroupSize } : {},
      },
    });
    const kernel = { layout, pipeline: null };
    kernel.compiled = created.then((pipeline) => {
      kernel.pipeline = pipeline;
      onPipeline?.();
    });
    return kernel;
  };
  const kernels = new Map([...findKernels(manifest)].map(([name, facts]) => [name, create(name, facts)]));
  const compiled = Promise.all([...kernels.values()].map((kernel) => kernel.compiled));
  // Of interest to the load, if it gets as far as to wait for it.
  compiled.catch(() => {});
  return { kernels, compiled };
}

/** A schedule with buffers and bind groups. */
class Program {
  constructor({ scope, arrivals }, schedule, kernels, weights, states) {
    this.scope = scope;
    this.arrivals = arrivals;
    this.schedule = schedule;
    const { placeOf, sizes } = planScratch(schedule.buffers);
    const scratch = sizes.map((bytes, i) =>
      scope.createBuffer(`scratch ${i}`, bytes, BINDABLE));
    this.scratchBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
    this.buffers = schedule.buffers.map((buffer) => {
      if (buffer.kind === "weight")
        return weights.get(buffer.name).gpu;
      if (buffer.kind === "scratch")
        return scratch[placeOf.get(buffer.name)];
      if (buffer.kind !== "state")
        return scope.createBuffer(buffer.name, buffer.bytes, BINDABLE | TO | FROM);
      if (!states.has(buffer.name))
        states.set(buffer.name,
          scope.createBuffer(buffer.name, buffer.bytes, BINDABLE | TO | FROM));
      return states.get(buffer.name);
    });
    this.steps = schedule.dispatches.map((dispatch) => {
      const kernel = kernels.get(dispatch.kernel);
      const entries = dispatch.bindings.map((binding, i) => ({
        binding: i,
        resource: {
          buffer: this.buffers[binding.buffer], offset: binding.offset, size: binding.bytes,
        },
      }));
      const group = scope.device.createBindGroup({ label: dispatch.kernel, layout: kernel.layout, entries });
      // Where in the stream what it reads is complete.
      const end = Math.max(0, ...dispatch.bindings.map(
        ({ buffer }) => weights.get(schedule.buffers[buffer].name)?.end ?? 0));
      return { kernel, group, end, ...planGrid(dispatch, scope.workgroupSize) };
    });
  }

  find(kind) {
    return this.schedule.buffers.map((buffer, i) => ({ ...buffer, gpu: this.buffers[i] }))
      .filter((buffer) => buffer.kind === kind);
  }

  /** Writes the inputs. A missing one, and one that nobody asked for, is an error. */
  write(inputs) {
    const known = this.find("input");
    checkNames(known, inputs);
    const words = known.map((input) => toWords(input, inputs[input.name]));
    known.forEach((input, i) => this.scope.device.queue.writeBuffer(input.gpu, 0, words[i]));
  }

  /** An output's bytes as the array that its type has. */
  read(output, bytes) {
    return fromWords(output, bytes);
  }

  /**
   * Encodes all dispatches. Where code or weights of one haven't arrived, those before
   * it are submitted meanwhile.
   */
  async encode() {
    const { arrivals, scope: { device } } = this;
    const isThere = ({ kernel, end }) => kernel.pipeline && end <= arrivals.bytes;
    let encoder = device.createCommandEncoder(), pass = encoder.beginComputePass();
    for (const step of this.steps) {
      if (!isThere(step)) {
        pass.end();
        device.queue.submit([encoder.finish()]);
        while (!isThere(step)) {
          await arrivals.change;
          if (this.scope.isReleased)
            throw this.scope.failure;
        }
        encoder = device.createCommandEncoder();
        pass = encoder.beginComputePass();
      }
      pass.setPipeline(step.kernel.pipeline);
      pass.setBindGroup(0, step.group);
      pass.dispatchWorkgroups(...step.workgroups);
    }
    pass.end();
    return encoder;
  }

  /**
   * Runs all dispatches and reads outputs back: all of them, or `rows`, a map
   * from the name of an output, or of the likeliest token, to [first byte, bytes] of
   * what is wanted of it.
   */
  async execute(rows) {
    const { device } = this.scope;
    const wanted = [...this.find("output"), ...this.find("token")]
      .filter((output) => rows ? rows.has(output.name) : output.kind === "output")
      .map((output) => {
        const [offset, bytes] = rows?.get(output.name) ??
          [0, 4 * countElements(output.shape)];
        return { output, offset, bytes };
      });
    const encoder = await this.encode();
    for (const item of wanted) {
      item.copy = device.createBuffer({ size: Math.max(4, item.bytes), usage: MAP_READ | TO });
      encoder.copyBufferToBuffer(item.output.gpu, item.offset, item.copy, 0, item.bytes);
    }
    device.queue.submit([encoder.finish()]);
    const results = new Map();
    try {
      await this.scope.wait(Promise.all(wanted.map(({ copy }) => copy.mapAsync(MAP_READ))));
      for (const { output, copy } of wanted)
        results.set(output, copy.getMappedRange().slice(0));
    } finally {
      for (const { copy } of wanted)
        copy.destroy();
    }
    return results;
  }
}
