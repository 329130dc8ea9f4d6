#===- mutations.py - hostile variants of valid files ----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Each function takes a random generator and a valid file's content, and
returns a variant: damaged bytes, or text that still parses but says something
else than a compiler expects."""

import json
import re
import struct

SIZES = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 4095,
         65535, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 48,
         (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64]

TYPES = ["f16", "f32", "f64", "bf16", "f8E4M3FN", "f80", "i1", "i4", "i8", "i16", "i32", "i64", "ui8",
         "si8", "i7", "i128", "i16777215", "index", "none", "complex<f32>", "vector<4xf32>"]

WORDS = [
    ["lowbit.linear", "lowbit.embedding", "lowbit.quantize", "lowbit.dequantize", "lowbit.pack", "lowbit.observe"],
    ["lowbit.weight", "lowbit.global"],
    ["tensor", "memref", "vector", "!lowbit.tensor"],
    ["int<4>", "int<8>", "int<16>", "int<1>", "uint<3>", "float<f4E2M1FN>", "float<f8E5M2>", "int<17>"],
    ["scale = f16", "scale = f32", "scale = bf16", "scale = f8E8M0FNU", "scale = f8E4M3FN", "scale = i8"],
    ["channel", "tensor", "group = 3", "group = 32", "group = 1", "permuted", "minimum", "zero_point"],
    ["relu", "gelu", "silu", "tanh", "sigmoid", "gelu_tanh", "hardswish", "leaky_relu<0.1>", "nonsense"],
    ["parallel", "reduction", "window"],
    ["linalg.matmul", "linalg.batch_matmul", "linalg.matvec", "linalg.generic", "linalg.map", "linalg.reduce"],
    ["arith.addf", "arith.mulf", "arith.maximumf", "arith.subf", "arith.divf", "arith.addi"],
    ["tensor.collapse_shape", "tensor.expand_shape", "tensor.cast", "tensor.extract_slice", "tensor.reshape"],
]


def damage_bytes(random, data, limit=None):
    """Cuts, flips, overwrites, removes or repeats a few bytes, of the first
    `limit` if that is given."""
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 3, 8])):
        at = random.randrange(min(len(data), limit or len(data)) or 1)
        length = random.choice([1, 2, 4, 8, 64])
        kind = random.randrange(6)
        if kind == 0:
            del data[at:]
        elif kind == 1 and data:
            data[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            data[at:at + length] = bytes(random.randrange(256) for _ in range(length))
        elif kind == 3:
            del data[at:at + length]
        elif kind == 4:
            data[at:at] = data[max(0, at - length):at] * random.choice([1, 2, 50])
        else:
            data[at:at + 8] = struct.pack("<Q", random.choice(SIZES) & (2 ** 64 - 1))
    return bytes(data)


def damage_json(random, value):
    """A JSON value with one of its parts replaced, removed or repeated."""
    def replace(depth, part):
        if depth and isinstance(part, dict) and part and random.random() < 0.8:
            key = random.choice(list(part))
            copy = dict(part)
            kind = random.randrange(6)
            if kind == 0:
                del copy[key]
            elif kind == 1:
                copy[str(key) + random.choice(["", "x", "\u0000", "\"", "\n"])] = copy.pop(key)
            else:
                copy[key] = replace(depth - 1, part[key])
            return copy
        if depth and isinstance(part, list) and part and random.random() < 0.8:
            at = random.randrange(len(part))
            return part[:at] + random.choice([[], [replace(depth - 1, part[at])], [part[at]] * 3]) + part[at + 1:]
        return random.choice([None, True, -1, 0.5, 1e300, "", "F32", "I4", "x" * 1000, [], {}, [[]], {"": {}},
                              random.choice(SIZES), [random.choice(SIZES)] * 2])
    return replace(random.choice([1, 2, 3, 4]), value)


def damage_safetensors(random, data):
    """A sidecar with another header or other numbers. No checksum guards them:
    whoever writes a hostile file leaves it out."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    header.get("__metadata__", {}).pop("checksum", None)
    body = data[8 + length:]
    kind = random.randrange(4)
    if kind == 0:
        header = damage_json(random, header)
    elif kind == 1:
        names = [name for name in header if name != "__metadata__"]
        entry = header[random.choice(names)]
        entry["data_offsets"] = [random.choice(SIZES + entry["data_offsets"]) for _ in range(2)]
        if random.random() < 0.5:
            entry["shape"] = [random.choice(SIZES) for _ in entry["shape"]]
    elif kind == 2:
        header[random.choice(list(header))] = header[random.choice(list(header))]
    else:
        # Any numbers: infinite scales, places outside of a permutation.
        body = damage_bytes(random, body).ljust(len(body), b"\xff")[:len(body)]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    size = len(text) if random.random() < 0.9 else random.choice(SIZES) & (2 ** 64 - 1)
    return struct.pack("<Q", size) + text + body


def change_ir(random, text):
    """IR with a few other numbers, types, operands, operations or lines. Most
    of it parses."""
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        kind = random.randrange(10)
        if kind <= 1:
            text = _replace_match(random, text, r"(?<![\w%#@.])-?\d+(?![\w.])", _number)
        elif kind <= 4:
            text = _replace_match(random, text, r"(?<=[<x])(\d+|\?)(?=x)", _extent)
        elif kind == 5:
            text = _replace_match(random, text, r"\b(f16|f32|f64|i8|i16|i32|i64|index)\b", lambda r, _: r.choice(TYPES))
        elif kind == 6:
            words = random.choice(WORDS)
            pattern = r"(?<![\w.])(" + "|".join(re.escape(word) for word in words) + r")(?![\w.])"
            text = _replace_match(random, text, pattern, lambda r, _: r.choice(words))
        elif kind == 7:
            names = sorted(set(re.findall(r"%\w+", text)))
            if names:
                text = _replace_match(random, text, r"%\w+", lambda r, _: r.choice(names))
        elif kind == 8:
            text = _replace_match(random, text, r"\d+\.\d+(e[+-]\d+)?",
                                  lambda r, _: r.choice(["0.0", "-1.0", "1.0e38", "0x7FC00000", "0x7F800000"]))
        else:
            text = _change_line(random, text)
    return text


def _number(random, old):
    return str(random.choice(SIZES + [int(old) + 1, int(old) - 1, -int(old), -1, -(1 << 63)]))


def _extent(random, old):
    return random.choice(["?", "0", "1", "3", "16", "1048576", "4294967296", str(1 << 62)]
                         + ([str(int(old) + 1), str(int(old) * 2)] if old != "?" else []))


def _replace_match(random, text, pattern, make):
    matches = list(re.finditer(pattern, text))
    if not matches:
        return text
    match = random.choice(matches)
    new = make(random, match.group())
    if random.random() < 0.6:  # everywhere alike, so that types go on matching
        return re.sub(r"(?<![\w])" + re.escape(match.group()) + r"(?![\w])", lambda _: new, text)
    return text[:match.start()] + new + text[match.end():]


def _change_line(random, text):
    lines = text.split("\n")
    at = random.randrange(len(lines))
    kind = random.randrange(3)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[at])
    else:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)
