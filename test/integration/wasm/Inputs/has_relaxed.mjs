// Ends well in an engine that takes a function of one relaxed product of bytes.
const zero = [/* i32.const 0, i8x16.splat */ 0x41, 0, 0xfd, 0x0f];
const code = [...zero, ...zero, ...zero, 0xfd, 0x93, 2];
const module = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0,
  10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b]);
process.exit(WebAssembly.validate(module) ? 0 : 1);
