// half_math.mjs MODULE: roots of the sizes of sines and cosines, rounded three times.
import { pathToFileURL } from "node:url";

const { load } = await import(pathToFileURL(process.argv[2]));
const model = await load();
const x = Float32Array.from({ length: 33 }, (_, i) => i / 4 - 3);
const found = await model.run({ h: x, g: x });
const check = (name, compute, step) => {
  for (const [i, value] of found[name].entries()) {
    const size = Math.abs(compute(x[i])), wanted = Math.sqrt(size);
    // Of a size that is off by half a step, and of the root itself.
    if (!(Math.abs(value - wanted) <= step * (wanted + 1e-3)))
      throw new Error(`${name} of ${x[i]} is ${wanted}, found ${value}`);
  }
};
check("a", Math.sin, 2 ** -10);
check("b", Math.cos, 2 ** -7);
console.log(`${x.length} sines and cosines are right`);
