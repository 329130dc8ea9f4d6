// half.mjs MODULE: every half, and floats at, between and beside them. To scripts
// inputs and outputs in 16 bits are f32, rounded where the model begins.
import { pathToFileURL } from "node:url";

const { load } = await import(pathToFileURL(process.argv[2]));
const model = await load();

/** The number that a half's bits stand for. */
function decode(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent === 31)
    return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
/** The half, or the bfloat16, that is nearest to `x`: of two, the even one. */
function encode(x, decodeBits, infinity) {
  if (Number.isNaN(x))
    return NaN;
  let low = 0, high = infinity;
  while (high - low > 1) {
    const middle = low + high >> 1;
    [low, high] = decodeBits(middle) <= Math.abs(x) ? [middle, high] : [low, middle];
  }
  // Infinity is one step above the largest number.
  const below = decodeBits(low);
  const above = high === infinity ? 2 * below - decodeBits(low - 1) : decodeBits(high);
  const rest = Math.abs(x) - below, step = above - Math.abs(x);
  const bits = rest < step || (rest === step && low % 2 === 0) ? low : high;
  return bits | (x < 0 || Object.is(x, -0) ? 0x8000 : 0);
}
const bfloat = new DataView(new ArrayBuffer(4));
const decodeBfloat = (bits) => (bfloat.setUint32(0, bits << 16), bfloat.getFloat32(0));

const numbers = [];
const word = new DataView(new ArrayBuffer(4));
for (let bits = 0; bits < 0x7c00; ++bits) {
  const here = decode(bits), next = bits === 0x7bff ? 65536 : decode(bits + 1);
  for (const x of [here, (here + next) / 2]) {
    word.setFloat32(0, x);
    const at = word.getUint32(0);
    for (const near of [at - 1, at, at + 1])
      if (near >= 0) {
        word.setUint32(0, near);
        numbers.push(word.getFloat32(0), -word.getFloat32(0));
      }
  }
}
numbers.push(Infinity, -Infinity, NaN, 1e38, -1e38, 3.4e38, 1e-40, -1e-45);
for (const [list, type] of [[model.inputs, "inputs"], [model.outputs, "outputs"]])
  for (const { name, type: found } of list)
    if (found !== "f32")
      throw new Error(`${type}: '${name}' is ${found} to scripts`);
const floats = Float32Array.from(numbers);
const halves = Float32Array.from({ length: 65536 }, (_, i) => decode(i));
const check = (name, found, x, decodeBits, infinity) => {
  const bits = encode(x, decodeBits, infinity);
  const wanted = Number.isNaN(bits) ? NaN : decodeBits(bits);
  if (!Object.is(found, wanted))
    throw new Error(`${name} of ${x} is ${wanted}, found ${found}`);
};
const { widened } = await model.run({ half: halves, float: new Float32Array(1) });
for (const [i, value] of widened.entries())
  if (!Object.is(value, halves[i]))
    throw new Error(`half 0x${i.toString(16)} is ${halves[i]}, found ${value}`);
// Numbers in other arrays are the same ones.
for (const half of [floats, Float64Array.from(floats), Array.from(floats)]) {
  const found = await model.run({ half, float: floats });
  for (const [i, value] of floats.entries()) {
    check("input", found.widened[i], value, decode, 0x7c00);
    check("half", found.half_of[i], value, decode, 0x7c00);
    check("bfloat16", found.bfloat_of[i], value, decodeBfloat, 0x7f80);
  }
}
console.log(`${widened.length} halves and ${numbers.length} floats are right`);
