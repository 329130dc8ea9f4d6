#===- call_shared.py - a compiled model from Python -----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: call_shared.py LIBRARY WEIGHTS

Runs the model mlp through the functions of its header, with ctypes alone.
"""

import ctypes
import sys
from ctypes import POINTER, byref, c_float, c_int64, c_uint64, c_void_p


class Input(ctypes.Structure):
    _fields_ = [("data", POINTER(c_float)), ("shape", c_int64 * 2)]


class Output(ctypes.Structure):
    _fields_ = [("data", POINTER(c_float)), ("shape", c_int64 * 2),
                ("capacity", c_uint64), ("owned", c_void_p)]


class Inputs(ctypes.Structure):
    _fields_ = [("x", Input), ("the_residual", Input)]


class Outputs(ctypes.Structure):
    _fields_ = [("y", Output), ("class_", Output)]


def main():
    library = ctypes.CDLL(sys.argv[1])
    library.mlp_error.restype = library.mlp_message.restype = ctypes.c_char_p
    model = c_void_p()
    print(library.mlp_load(b"nowhere", byref(model)), library.mlp_message().decode())
    if error := library.mlp_load(sys.argv[2].encode(), byref(model)):
        sys.exit(f"{library.mlp_error(error)}: {library.mlp_message()}")
    rows = 2
    x = (c_float * (rows * 64))(*[1.0] * (rows * 64))
    residual = (c_float * (rows * 32))(*[3.0] * (rows * 32))
    inputs = Inputs(Input(x, (c_int64 * 2)(rows, 64)),
                    Input(residual, (c_int64 * 2)(rows, 32)))
    outputs = Outputs()
    print(library.mlp_run(model, byref(inputs), byref(outputs)),
          list(outputs.y.shape), round(outputs.y.data[33]))
    library.mlp_release(byref(outputs))
    library.mlp_free(model)


if __name__ == "__main__":
    main()
