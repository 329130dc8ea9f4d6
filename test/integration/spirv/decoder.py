"""A decoder with a KV cache on a Vulkan device, against the CPU.

  decoder.py MODEL.onnx CACHE IDS.npy FOLDER [FLAGS...]

FLAGS are for quant-opt when it compiles for the device. A model that takes a past
gets one of no tokens on the CPU, and has the cache in its place on the device.
The logits behind the tokens, some of which @prefill takes and the last ones
@decode, may differ from those of the CPU, which computes all tokens at once, by
a thousandth of the largest where the cache holds floats; the tokens that follow
are those of the CPU with the same cache. spirv-val and the validation layer must
accept every kernel.
"""
import os
import sys

import numpy
import onnx
from gpu import HERE, compile_for_cpu, run, run_on_cpu, save_inputs

model, cache, ids, folder, *flags = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
tokens = numpy.load(ids)
inputs = {"input_ids": tokens, "attention_mask": numpy.ones_like(tokens)}
for value in onnx.load(model, load_external_data=False).graph.input:
    if value.name not in inputs:
        extents = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        inputs[value.name] = numpy.zeros([1, *extents[1:]], "f")
common = ["--quantize=int8-g8", "--shape", "batch=1"]
cached = ["quant-opt", model, *common, f"--kv-cache={cache}", "--max-length=48"]
run(*cached, "-o", f"{folder}/cached.mlir")
run(*cached, *flags, "--target=spirv", "-o", f"{folder}/model.json")
run_on_cpu(compile_for_cpu(model, folder, *common), save_inputs(folder, inputs), {"logits": f"{folder}/expected.npy"},
           "--float-activations")
found = run("lowbit-vulkan-run", f"{folder}/model.json", "--validate", f"--tokens={ids}", "--prefill=35",
            f"--output=logits={folder}/found.npy", "--generate=4").split("tokens:")[1].splitlines()[0]
# Integers of a cache are further from floats than that.
if not cache.startswith("int"):
    print(run(sys.executable, HERE / "compare_last.py", f"{folder}/expected.npy", f"{folder}/found.npy"), end="")
print(run(sys.executable, HERE / "validate.py", f"{folder}/model.json"), end="")
expected = run(sys.executable, HERE / "generate.py", f"{folder}/cached.mlir", ids, 4).strip()
if found.split() != expected.split()[1:]:
    sys.exit(f"the device continues with '{found}', the CPU with '{expected}'")
print(expected)
