//===- loading.js - a model that runs before all of it is there -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights arrive in the order in which dispatches read them. So a run begins
// with those whose weights and code are there, and waits for the next ones.
// Whatever ends a model in the middle, ends the load, and all runs.
//
//===----------------------------------------------------------------------===//

/** What a model holds: it ends once, for a reason, and with it all that waits. */
class Scope {
  constructor() {
    /** Why it ended. */
    this.failure = null;
    this.controller = new AbortController();
    /** What rejects those that wait. */
    this.waiting = new Set();
  }

  get isReleased() {
    return this.failure !== null;
  }

  /** Aborted when it ends. */
  get signal() {
    return this.controller.signal;
  }

  /**
   * What `promise` gives, unless this ends before. A race with a promise of the end
   * would leave what it gave there, for as long as the model lives.
   */
  until(promise) {
    return new Promise((resolve, reject) => {
      const settle = (how) => (value) => {
        this.waiting.delete(reject);
        how(value);
      };
      promise.then(settle(resolve), settle(reject));
      if (this.isReleased)
        reject(this.failure);
      else
        this.waiting.add(reject);
    });
  }

  /** Frees everything, at any time; what waits fails with `cause`. */
  release(cause = new LowbitError("disposed", "the model was disposed of")) {
    if (this.isReleased)
      return;
    this.failure = cause;
    for (const reject of this.waiting)
      reject(cause);
    this.waiting.clear();
    this.controller.abort(cause);
    this.free();
  }
}

/** What has arrived of a model's weights, in bytes of their stream. */
class Arrivals {
  constructor() {
    this.bytes = 0;
    this.renew();
  }

  renew() {
    this.change = new Promise((resolve) => { this.notify = resolve; });
  }

  /** All before byte `end` is there, or some piece of code is. */
  advance(end = this.bytes) {
    this.bytes = end;
    const { notify } = this;
    this.renew();
    notify();
  }
}

/** Where each weight ends in the stream, by name; one that the page makes, where its floats do. */
function findEnds({ weights, sources = [] }) {
  const ends = new Map();
  for (const { name, offset, bytes } of weights)
    if (offset !== undefined)
      ends.set(name, offset + bytes);
  for (const { offset, rows, columns, type, packings } of sources)
    for (const name of packings.flatMap(({ buffers }) => buffers))
      if (name !== null)
        ends.set(name, offset + rows * columns * FLOATS[type].bytes);
  return ends;
}

/** Fails unless a load is to end when everything is there, or as soon as runs may begin. */
function checkStart(start = "loaded") {
  if (!["early", "loaded"].includes(start))
    throw new LowbitError("bad-input", `start requires "early" or "loaded", found ${describeValue(start)}`);
  return start;
}

/** One load: what is there, when it was, and who wants to know. */
class Loading {
  constructor(scope, { files, signal, onProgress }, { bytes, pipelines }) {
    Object.assign(this, { scope, files, caller: signal, onProgress });
    this.begin = performance.now();
    this.totals = { totalBytes: bytes, totalPipelines: pipelines };
    this.loadedBytes = this.pipelines = 0;
    this.times = { started: null, pipelines: null, weights: null, total: null };
    this.arrivals = new Arrivals();
    this.first = new Promise((resolve) => { this.start = resolve; });
  }

  get signal() {
    return this.scope.signal;
  }

  /** Milliseconds until now, by name. */
  note(name) {
    this.times[name] = performance.now() - this.begin;
  }

  progress() {
    const { loadedBytes, pipelines } = this;
    if (this.scope.isReleased)
      return;
    try {
      this.onProgress?.({ loadedBytes, pipelines, ...this.totals });
    } catch (error) {
      throw new LowbitError("aborted", `onProgress failed: ${error?.message ?? error}`, error);
    }
  }

  countBytes(bytes) {
    this.loadedBytes += bytes;
    this.progress();
  }

  countPipeline() {
    if (this.scope.isReleased)
      return;
    ++this.pipelines;
    this.arrivals.advance();
    this.progress();
  }

  /** A piece has been used, and with it the stream up to byte `end`. */
  arrive(end) {
    this.arrivals.advance(end);
    this.start();
  }

  /**
   * Resolves with `model` as soon as it may run: when `prepared` and the first
   * shard are there. `work` is all of the load. Its failure ends the model, as the
   * caller's signal does until it is done.
   */
  async run(model, prepared, work) {
    const { scope, caller } = this;
    const abort = () => scope.release(
      new LowbitError("aborted", "aborted by the caller", caller.reason));
    caller?.addEventListener("abort", abort);
    if (caller?.aborted)
      abort();
    model.loaded = scope.until(work).then(() => {
      this.note("total");
      this.arrivals.advance(Infinity);
    }).catch((error) => {
      scope.release(asLowbitError(error, "internal", "the model cannot be loaded"));
      throw scope.failure;
    }).finally(() => caller?.removeEventListener("abort", abort));
    // Runs fail with the same error.
    model.loaded.catch(() => {});
    const ready = Promise.all([prepared, Promise.race([this.first, work])]);
    await Promise.race([ready.catch(() => model.loaded), model.loaded]);
    this.note("started");
    return model;
  }
}
