//===- errors.js - what can go wrong, by name -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/**
 * What every rejected promise of a module holds. `code` names the cause:
 * no-webgpu, no-adapter, no-device, unsupported (the adapter lacks a limit or
 * a feature, or the engine instructions; or the module WebAssembly), network,
 * corrupted, aborted, out-of-memory, device-lost, bad-input, no-variant (none fits
 * the bounds), disposed, internal.
 */
export class LowbitError extends Error {
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LowbitError";
    this.code = code;
  }
}

/** Rejects what is still to be done once `signal` has been aborted. */
function throwIfAborted(signal) {
  if (signal?.aborted)
    throw new LowbitError("aborted", "aborted by the caller", signal.reason);
}

/** Any error as a LowbitError; one that has no name yet gets `code`. */
function asLowbitError(error, code, what) {
  if (error instanceof LowbitError)
    return error;
  if (error?.name === "AbortError")
    return new LowbitError("aborted", "aborted by the caller", error);
  return new LowbitError(code, `${what}: ${error?.message ?? error}`, error);
}
