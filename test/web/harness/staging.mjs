//===- staging.mjs - uploads on their way, and waiting for a queue, on Dawn ===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: staging.mjs MODULE
//
// MODULE is made of module.mlir: y = 3 x + 0.5 on 256 x 256 numbers, in eight shards
// of 64 KiB. Loads it on devices that are slow to take what is written to them, that
// run out of memory, or say that work is done when the next is submitted, as those
// of Firefox do.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]), SHARD = 65536;
const { load } = await import(pathToFileURL(path));
const { gpu } = await openDawn();

const openDevice = async () => (await gpu.requestAdapter()).requestDevice();
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const x = Float32Array.from({ length: 65536 }, (_, i) => i / 100);
const isRight = ({ y }) => y.length === 65536 && y.every((value, i) => Math.abs(value - (3 * x[i] + 0.5)) < 1e-3);

/** Files beside the module, and the shards that were asked for. */
function watchFiles(change) {
  const asked = [], files = readBeside(path, change);
  const read = (file, ...rest) => {
    if (file.endsWith(".bin"))
      asked.push(file);
    return files(file, ...rest);
  };
  return { read, asked };
}

/** Waits until `holds`, as tests of what happens in between must. */
async function wait(name, holds) {
  const end = performance.now() + 60000;
  while (!holds() && performance.now() < end)
    await pause(5);
  check(name, holds());
}

/** A device that has taken what was written when `open` is called, and counts bytes until then. */
async function holdUploads() {
  const device = await openDevice(), { queue } = device;
  const counts = { bytes: 0, most: 0, unsent: 0 };
  let open;
  const gate = new Promise((resolve) => { open = resolve; });
  const writeBuffer = queue.writeBuffer.bind(queue), onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue);
  queue.writeBuffer = (buffer, offset, data, from, size) => {
    counts.unsent += size;
    counts.bytes += size;
    counts.most = Math.max(counts.most, counts.bytes);
    return writeBuffer(buffer, offset, data, from, size);
  };
  queue.onSubmittedWorkDone = async () => {
    const { unsent } = counts;
    counts.unsent = 0;
    await gate;
    await onSubmittedWorkDone();
    counts.bytes -= unsent;
  };
  return { device, counts, open };
}

async function uploadInTurns() {
  const { device, counts, open } = await holdUploads();
  const { read, asked } = watchFiles();
  const model = await load({ device, read, start: "early" });
  await wait("a shard is read while one is on its way", () => asked.length === 2);
  await pause(50);
  check("and no more", asked.length === 2 && counts.bytes === SHARD);
  open();
  await model.loaded;
  check("never is there more than a shard on its way", counts.most === SHARD && counts.bytes === 0);
  check("everything has arrived", isRight(await model.run({ x })));
  model.dispose();
}

/** The page isn't told of the next shard when an upload fails. */
async function failWhileReading() {
  const device = await openDevice();
  const { read, asked } = watchFiles(async (file, bytes) => {
    if (file.endsWith(".5.bin"))
      await new Promise(() => {});
    return bytes;
  });
  const writeBuffer = device.queue.writeBuffer.bind(device.queue);
  const popErrorScope = device.popErrorScope.bind(device);
  let writes = 0, left = 0;
  device.queue.writeBuffer = (...all) => {
    left = ++writes === 5 ? 1 : 0;
    writeBuffer(...all);
  };
  device.popErrorScope = async () => {
    const isMemory = left-- > 0;
    return await popErrorScope() ?? (isMemory ? { message: "no room for a shard" } : null);
  };
  await rejects("no memory for a shard while the next one is read", "out-of-memory",
    load({ device, read }), "no room for a shard");
  check("the next one was asked for", asked.length === 6);
}

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
const CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

/** Says that the page is in another browser. */
const enter = (userAgent) =>
  Object.defineProperty(globalThis, "navigator", { value: { userAgent }, configurable: true });

/** In other browsers, nothing is submitted while the page waits. */
async function runWithoutLooks() {
  const { device, open } = await holdUploads();
  const model = await load({ device, read: watchFiles().read, start: "early" });
  const submit = device.queue.submit.bind(device.queue);
  let submissions = 0;
  device.queue.submit = (list) => {
    ++submissions;
    submit(list);
  };
  await pause(50);
  const found = submissions;
  check(`a page that waits submits nothing, found ${found}`, found === 0);
  open();
  await model.loaded;
  model.dispose();
}

/** What queues tell, devices of Firefox tell at the next submission, or some time later. */
async function runWithLooks() {
  const device = await openDevice(), { queue } = device;
  const held = [];
  const hold = async (promise) => {
    const value = await promise;
    return new Promise((resolve) => { held.push(() => resolve(value)); });
  };
  const submit = queue.submit.bind(queue), onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue);
  queue.submit = (list) => {
    submit(list);
    for (const open of held.splice(0))
      open();
  };
  queue.onSubmittedWorkDone = () => hold(onSubmittedWorkDone());
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor), mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (...all) => hold(mapAsync(...all));
    return buffer;
  };
  const limit = pause(60000).then(() => { throw new Error("nothing was submitted"); });
  limit.catch(() => {});
  const work = async () => {
    const model = await load({ device, read: watchFiles().read });
    const found = await model.run({ x });
    model.dispose();
    return found;
  };
  try {
    check("nothing is waited for that needs a submission", isRight(await Promise.race([work(), limit])));
  } catch (error) {
    check(`a device that looks with each submission: ${error.message}`, false);
  }
}

/** A reader's own error is one of the network, wherever it comes. */
async function failToRead() {
  for (const end of [".json", ".0.bin", ".6.bin"])
    await rejects(`a failing read of ${end}`, "network", load({
      device: await openDevice(), read: watchFiles((file, bytes) => {
        if (file.endsWith(end))
          throw new TypeError("no such file");
        return bytes;
      }).read }), `${end}' cannot be read: no such file`);
}

await uploadInTurns();
await failWhileReading();
enter(CHROMIUM);
await runWithoutLooks();
enter(FIREFOX);
await runWithLooks();
await failToRead();
finish();
