// choose.mjs MODULE...: the variants that modules take where four relaxed products
// of 127 and 255 or -1 have one sum or another, and where they have this engine's.
import { pathToFileURL } from "node:url";

const modules = await Promise.all(process.argv.slice(2).map((path) => import(pathToFileURL(path))));

async function choose(count) {
  const names = [];
  for (const { load } of modules.slice(0, count)) {
    const model = await load();
    names.push(model.variant);
    model.dispose();
  }
  return names.join(" ");
}

const { Instance } = WebAssembly;
for (const sum of [-508, 129540, 65534]) {
  WebAssembly.Instance = class { exports = { f: () => sum }; };
  console.log(`${sum}: ${await choose()}`);
}
let own;
WebAssembly.Instance = function (module) {
  const instance = new Instance(module);
  own = instance.exports.f();
  return instance;
};
const name = await choose(1);
console.log(`this engine: ${own}: ${name}`);
