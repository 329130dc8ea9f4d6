#!/bin/bash
# repack.sh MODEL.onnx HARNESS FOLDER: compiles a model by many methods, for the
# web and for a CPU, and compares the weights.
set -eu
for method in int1 int2-g32 int3-g20 int4-g6 int5-g32 int6-g64 int7-g10 int8 uint3-g32 \
  nf4 mxfp4 nvfp4 int8-b128x128; do
  quant-opt "$1" --quantize="$method" --target=webgpu -o "$3/m.webgpu.js"
  quant-opt "$1" --quantize="$method" --target=cpu --mtriple=wasm32 --mcpu=simd128 --emit=bytecode -o "$3/m.mlirbc"
  echo "$method: $(node "$2" "$3/m.webgpu.js" "$3/m.safetensors")"
done
