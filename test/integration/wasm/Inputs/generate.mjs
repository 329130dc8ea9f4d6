// generate.mjs MODULE VARIANT COUNT LOGITS TOKEN...: continues a text greedily,
// prints it, and writes the logits of all steps as f32.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [path, variant, count, file, ...tokens] = process.argv.slice(2);
const { load, LowbitError } = await import(pathToFileURL(path));
const model = await load({ variant });
const { memory } = model;
const rows = [];
let text = tokens.map(Number), outputs = await model.prefill(text);
const generated = [];
for (let i = 0; i < count; ++i) {
  const logits = Object.values(outputs)[0];
  const row = logits.slice(logits.length - logits.shape.at(-1));
  rows.push(Buffer.from(row.buffer));
  generated.push(row.indexOf(row.reduce((a, b) => Math.max(a, b))));
  if (i + 1 < count)
    outputs = await model.decode(generated.at(-1));
}
writeFileSync(file, Buffer.concat(rows));
console.log([...text, ...generated].join(" "));
const again = await model.generate(text, { maxTokens: Number(count) });
if (String(again) !== String(generated))
  throw new Error(`generate gives ${again}`);
// What is no text is refused, and leaves the one that is there.
async function refuse(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof LowbitError && error.code === "bad-input")
      return console.error(error.message);
    throw error;
  }
  throw new Error(`not refused: ${work}`);
}
for (const tokens of ["12", 5, undefined, [1.5], [12, "x"], [99999]])
  await refuse(() => model.prefill(tokens));
await refuse(() => model.decode());
for (const maxTokens of [-1, "4", null])
  await refuse(() => model.generate(text, { maxTokens }));
const { length } = await model.generate(text, { maxTokens: 0 });
if (length !== 0)
  throw new Error(`no tokens were asked for, found ${length}`);
console.error(`${model.variant}: ${memory} bytes before, ${model.memory} after`);
