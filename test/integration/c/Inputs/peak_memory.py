#===- peak_memory.py - memory of a compilation ----------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: peak_memory.py MIB FOLDER COMMAND ...

Writes FOLDER/big.onnx, a layer whose float weights take MIB, appends its name to
the command, and compares the largest memory seen while it runs, without mapped
files, with the weights. The weights are a hole in a file.
"""

import pathlib
import re
import subprocess
import sys
import time

import onnx
from onnx import TensorProto, helper


def write_model(folder, mebibytes):
    """One product with a square matrix."""
    size = int((mebibytes * 2**20 // 4) ** 0.5)
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size, size],
                         data_location=TensorProto.EXTERNAL)
    for key, value in ("location", "big.bin"), ("length", str(4 * size * size)):
        weight.external_data.add(key=key, value=value)
    with open(folder / "big.bin", "wb") as file:
        file.truncate(4 * size * size)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "big",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", size])], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "big.onnx").write_bytes(model.SerializeToString())


def run(command):
    """The largest anonymous memory of a process, in bytes."""
    process = subprocess.Popen(command)
    peak = 0
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = re.search(r"RssAnon:\s+(\d+)", status.read_text())
        peak = max(peak, 1024 * int(found[1]) if found else 0)
        time.sleep(0.002)
    if process.returncode:
        sys.exit(f"the command failed with status {process.returncode}")
    return peak


def main():
    mebibytes, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    write_model(folder, mebibytes)
    peak = run([*sys.argv[3:], str(folder / "big.onnx")]) / 2**20
    print(f"weights {mebibytes} MiB, memory besides files {peak:.0f} MiB")
    print("ok" if peak < mebibytes / 2 else "TOO MUCH")


if __name__ == "__main__":
    main()
