// logits.mjs MODULE IDS.npy FILE: runs a language model on tokens (i64, version 1
// of the format) and writes its logits as f32.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [path, ids, file] = process.argv.slice(2);
const { load } = await import(pathToFileURL(path));
const bytes = readFileSync(ids), begin = 10 + bytes.readUInt16LE(8);
const tokens = new BigInt64Array(bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + bytes.length));
const model = await load();
const outputs = await model.run({ [model.inputs[0].name]: { data: tokens, shape: [1, tokens.length] } });
const logits = outputs[model.outputs[0].name];
writeFileSync(file, Buffer.from(logits.buffer));
