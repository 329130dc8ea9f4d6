#===- seeds.py - the valid files that hostile ones are made of ------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Writes a tiny language model in every form that the tools read."""

import json
import random
import struct
import subprocess

from onnx import TensorProto, helper, save

VOCABULARY, WIDTH = 260, 16


def write_model(path):
    """Embedding, a gated layer with a norm and a residual, and a head."""
    generator = random.Random(1)

    def weight(name, rows, columns):
        values = [generator.gauss(0, 0.2) for _ in range(rows * columns)]
        return helper.make_tensor(name, TensorProto.FLOAT, [rows, columns],
                                  struct.pack(f"<{len(values)}f", *values), raw=True)

    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node("LayerNormalization", ["x", "ones"], ["n"]),
        helper.make_node("MatMul", ["n", "up"], ["u"]),
        helper.make_node("Sigmoid", ["u"], ["s"]),
        helper.make_node("Mul", ["u", "s"], ["g"]),
        helper.make_node("MatMul", ["g", "down"], ["d"]),
        helper.make_node("Add", ["d", "x"], ["r"]),
        helper.make_node("MatMul", ["r", "head"], ["logits"]),
    ]
    ones = helper.make_tensor("ones", TensorProto.FLOAT, [WIDTH], [1.0] * WIDTH)
    graph = helper.make_graph(
        nodes, "tiny", [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "seq"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [weight("table", VOCABULARY, WIDTH), weight("up", WIDTH, 2 * WIDTH), weight("down", 2 * WIDTH, WIDTH),
         weight("head", WIDTH, VOCABULARY), ones])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def write_tokens(path):
    """A text to calibrate on."""
    path.write_bytes(struct.pack("<40H", *(i % VOCABULARY for i in range(40))))


def write_seeds(folder, quant_opt):
    """Fills `folder`; returns the names of the IR files: one per phase, and
    some with other encodings."""
    write_model(folder / "model.onnx")
    header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 4), }".ljust(117) + "\n"
    (folder / "ids.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                                     + struct.pack("<4q", 1, 5, 9, 15))
    write_tokens(folder / "tokens.bin")
    (folder / "merges.json").write_text(json.dumps([[104, 101], [256, 108]]))
    forms = {"import": [], "raise": []}
    forms.update({phase: ["--quantize=int4-g16"] for phase in ("quantize", "fuse", "pack")})
    forms["pack-a8"] = ["--quantize=uint3-g5-a8", "--include-embeddings"]
    forms["fuse-float"] = ["--quantize=#lowbit.encoding<float<f4E2M1FN>, group = 16, scale = f8E8M0FNU>"]
    for name, flags in forms.items():
        subprocess.run([quant_opt, folder / "model.onnx", *flags, f"--phase={name.split('-')[0]}",
                        "-o", folder / f"{name}.mlir"], check=True, stderr=subprocess.DEVNULL)
    names = [f"{name}.mlir" for name in forms]
    subprocess.run([quant_opt, folder / "fuse.mlir", "--emit=bytecode", "-o", folder / "code.mlirbc"], check=True)
    return names
