"""Hands every kernel of a SPIR-V model to spirv-val.

  validate.py MODEL.json
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

path = sys.argv[1]
with open(path) as file:
    manifest = json.load(file)
with open(os.path.join(os.path.dirname(path), manifest["data"]), "rb") as file:
    data = file.read()
size, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + size])
for kernel in manifest["kernels"]:
    first, last = header["spirv." + kernel["name"]]["data_offsets"]
    with tempfile.NamedTemporaryFile(suffix=".spv") as file:
        file.write(data[8 + size + first:8 + size + last])
        file.flush()
        result = subprocess.run(["spirv-val", "--target-env", "vulkan1.1", file.name],
                                capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{kernel['name']}: {result.stdout}{result.stderr}")
print(f"{len(manifest['kernels'])} kernels are valid")
