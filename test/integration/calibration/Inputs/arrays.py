#===- arrays.py - calibration data, good and bad --------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: arrays.py FOLDER

Writes .npz and .npy files for two-inputs.mlir to FOLDER, without NumPy, and
tokens.npz for models with ids and a mask.
"""

import math
import pathlib
import struct
import sys
import zipfile


def npy(shape, numbers, code="f"):
    header = repr({"descr": {"f": "<f4", "q": "<i8"}[code], "fortran_order": False, "shape": shape})
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
            + struct.pack(f"<{len(numbers)}{code}", *numbers))


def write(path, arrays, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, contents in arrays.items():
            archive.writestr(name + ".npy", contents)


def main():
    folder = pathlib.Path(sys.argv[1])
    # Two samples of two rows: 1 to 16, and the same negative.
    a = npy((2, 2, 4), [float(i) for i in range(1, 17)])
    b = npy((2, 2, 4), [-float(i) for i in range(1, 17)])
    write(folder / "good.npz", {"a": a, "b": b})
    write(folder / "more.npz", {"a": b, "b": a})
    (folder / "a.npy").write_bytes(a)
    write(folder / "missing.npz", {"a": a})
    write(folder / "surplus.npz", {"a": a, "b": b, "c": a})
    write(folder / "shape.npz", {"a": npy((4, 4), [0.0] * 16), "b": b})
    write(folder / "count.npz", {"a": a, "b": npy((1, 2, 4), [0.0] * 8)})
    write(folder / "none.npz", {"a": npy((0, 2, 4), []), "b": npy((0, 2, 4), [])})
    write(folder / "infinite.npz", {"a": npy((1, 1, 4), [1.0, math.inf, 0.0, 0.0]), "b": npy((1, 1, 4), [0.0] * 4)})
    write(folder / "compressed.npz", {"a": a, "b": b}, zipfile.ZIP_DEFLATED)
    write(folder / "tokens.npz", {"input_ids": npy((4, 8), [i * i % 61 for i in range(32)], "q"),
                                  "attention_mask": npy((4, 8), [1] * 32, "q")})
    write(folder / "others.npz", {"input_ids": npy((4, 8), [(i * i + 7) % 61 for i in range(32)], "q"),
                                  "attention_mask": npy((4, 8), [1] * 32, "q")})
    good = (folder / "good.npz").read_bytes()
    (folder / "no-archive.npz").write_bytes(a)
    (folder / "short.npz").write_bytes(good[200:])
    (folder / "moved.npz").write_bytes(good.replace(b"PK\3\4", b"PK\3\5"))
    (folder / "damaged.npz").write_bytes(good.replace(b"PK\1\2", b"PK\1\3"))


main()
