#===- seeds.py - what the fuzzers begin with ------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Inputs of the project's other tests, as far as they are small, and what
# corpus/ holds: inputs that no other test has, among them each that once made a
# reader fail.
#
#===-----------------------------------------------------------------------===#
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys

MODEL_BYTES, TEXT_BYTES = 4096, 3000
# Debian's libonnx-testdata: the tests of the ONNX project.
ONNX_TESTS = pathlib.Path("/usr/share/libonnx-testdata/data")


def npy(source):
    """Arrays that tests expect, and one of each element type."""
    for path in source.glob("test/integration/onnx/quantized/expected/*.npy"):
        yield path.read_bytes()
    for descriptor in ("|b1", "|i1", "<u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"):
        for shape, count in (("()", 1), ("(2,)", 2), ("(1, 3)", 3), ("(0, 5)", 0)):
            header = f"{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
            yield (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                   + bytes(count * int(descriptor[2])))


def _json_texts(source):
    for path in (source / "test").rglob("*.json"):
        yield path.read_bytes()
    yield b'{"a": [1, -2.5e3, true, null, "\\u00e9\\ud83d\\ude00"], "b": {"c": {}}}'
    yield json.dumps([[104, 101], [256, 108], [257, 108], [258, 111]]).encode()


def _safetensors(header, data):
    return struct.pack("<Q", len(header)) + header + data


def safetensors(source):
    """One tensor of each type, empty ones, metadata with a checksum, escapes."""
    del source
    sizes = {"BOOL": 1, "I8": 1, "U8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8, "F8_E8M0": 1,
             "F8_E4M3": 1, "F8_E5M2": 1, "F16": 2, "BF16": 2, "F32": 4, "F64": 8}
    for kind, size in sizes.items():
        entry = {"dtype": kind, "shape": [1, 2], "data_offsets": [0, 2 * size]}
        yield _safetensors(json.dumps({"w": entry}).encode(), bytes(range(2 * size)))
    a = {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}
    b = {"dtype": "F16", "shape": [], "data_offsets": [3, 5]}
    c = {"dtype": "F32", "shape": [0, 7], "data_offsets": [5, 5]}
    yield _safetensors(json.dumps({"a": a, "b.scale": b, "\u00e9\U0001f600": c}).encode(), b"\1\2\3\4\5")
    metadata = {"checksum": "0" * 16, "structure": "0123456789abcdef", "format": "pt"}
    yield _safetensors(json.dumps({"__metadata__": metadata, "a": a, "b": b},
                                  separators=(",", ":")).encode() + b"   ", b"\1\2\3\4\5")
    yield _safetensors(b"{}", b"")


def onnx(source):
    """Models of one node or a few."""
    for path in sorted(ONNX_TESTS.rglob("model.onnx")):
        if path.stat().st_size <= MODEL_BYTES:
            yield path.read_bytes()
    sys.path.insert(0, str(source / "test" / "fuzz"))


def ir(source):
    """Modules of the lit tests, without what only lit reads."""
    for area in ("dialect", "passes", "codegen", "readme"):
        for path in sorted((source / "test" / area).rglob("*.mlir")):
            for part in path.read_text().split("// -----"):
                text = re.sub(r"^\s*//.*\n", "", part, flags=re.MULTILINE).strip()
                if len(text) <= TEXT_BYTES and ("func.func" in text or "lowbit." in text):
                    yield text.encode() + b"\n"


READERS = {"npy": npy, "json": _json_texts, "safetensors": safetensors, "onnx": onnx, "ir": ir}


def write_seeds(reader, source, folder):
    """Fills `folder`, which need not exist."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i, data in enumerate(READERS[reader](source)):
        (folder / f"{i:04}").write_bytes(data)
    own = source / "test" / "fuzz" / "corpus" / reader
    for path in sorted(own.iterdir()) if own.exists() else []:
        shutil.copy(path, folder / path.name)
