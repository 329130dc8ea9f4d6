"""LSTM, GRU and RNN on a GPU, against the CPU.

  recurrent.py FOLDER [--dawn=HARNESS] METHOD...

One model has them in the forms of ONNX, in both directions, with rows that end
early, peepholes, and codes of ONNX Runtime's quantizer. Quantized by each method,
outputs may differ from those of the CPU by a thousandth of the largest number. Twice
the steps have the same kernels.
"""
import os
import sys

import numpy
import onnx
from gpu import find_device, run
from onnx import TensorProto, helper, numpy_helper

STEPS, BATCH, WIDTH, HIDDEN = 6, 3, 40, 20
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Model:
    def __init__(self, steps):
        self.random = numpy.random.default_rng(7)
        self.nodes, self.constants, self.outputs = [], [], []
        self.inputs = {"x": self.floats(steps, BATCH, WIDTH), "h": self.floats(2, BATCH, HIDDEN),
                       "c": self.floats(2, BATCH, HIDDEN),
                       "lengths": numpy.array([steps, 1, steps - 2], numpy.int32)}

    def floats(self, *shape):
        return self.random.standard_normal(shape).astype(numpy.float32)

    def constant(self, array):
        self.constants.append(numpy_helper.from_array(array, f"w{len(self.constants)}"))
        return self.constants[-1].name

    def weight(self, *shape):
        return self.constant(self.floats(*shape) / numpy.sqrt(shape[-1]).astype(numpy.float32))

    def node(self, op, inputs, domain="", **attributes):
        number = len(self.nodes)
        outputs = [f"{kind}{number}" for kind in ("all", "h", "c")[:3 if "LSTM" in op else 2]]
        self.outputs += outputs
        self.nodes.append(helper.make_node(op, inputs, outputs, domain=domain, hidden_size=HIDDEN, **attributes))

    def recurrent(self, op, state, lengths=False, peepholes=False, **attributes):
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        gates = GATES[op]
        inputs = ["x", self.weight(directions, gates * HIDDEN, WIDTH), self.weight(directions, gates * HIDDEN, HIDDEN),
                  self.weight(directions, 2 * gates * HIDDEN), "lengths" if lengths else ""]
        # Initial states are those of two directions.
        inputs += (["h", "c"] if op == "LSTM" else ["h"]) if state else []
        if peepholes:
            inputs += [""] * (7 - len(inputs)) + [self.weight(directions, 3 * HIDDEN)]
        self.node(op, inputs, **attributes)

    def coded(self):
        """An LSTM whose inputs and states are rounded to 8 bits in each step."""
        codes = lambda rows: self.constant(self.random.integers(-127, 128, (1, rows, 4 * HIDDEN)).astype(numpy.int8))
        inputs = ["x", codes(WIDTH), codes(HIDDEN), self.weight(1, 8 * HIDDEN), "", "", "", ""]
        for _ in range(2):
            inputs += [self.constant(numpy.full(1, 2e-3, numpy.float32)), self.constant(numpy.zeros(1, numpy.int8))]
        self.node("DynamicQuantizeLSTM", inputs, "com.microsoft")

    def save(self, path):
        value = lambda name, array: helper.make_tensor_value_info(
            name, TensorProto.INT32 if array.dtype == numpy.int32 else TensorProto.FLOAT, array.shape)
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "recurrent", [value(*item) for item in self.inputs.items()], outputs,
                                  self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14),
                                                        helper.make_opsetid("com.microsoft", 1)])
        model.ir_version = 8
        onnx.save(model, path)


def make_model(steps):
    model = Model(steps)
    model.recurrent("LSTM", state=True, direction="bidirectional")
    model.recurrent("LSTM", state=False, lengths=True, peepholes=True, direction="reverse")
    model.recurrent("LSTM", state=False, clip=0.5, input_forget=1)
    model.recurrent("GRU", state=True, lengths=True, direction="bidirectional", linear_before_reset=1)
    model.recurrent("GRU", state=False, direction="reverse")
    model.recurrent("RNN", state=True, lengths=True, direction="bidirectional", activations=["Tanh", "Relu"])
    model.coded()
    return model


def count_kernels(device, folder, method):
    """Kernels of twice the steps."""
    make_model(2 * STEPS).save(f"{folder}/twice.onnx")
    device.compile(f"{folder}/twice.onnx", folder, f"--quantize={method}")
    return device.count_kernels()


def check(folder, device, method):
    model = make_model(STEPS)
    model.save(f"{folder}/recurrent.onnx")
    files = {name: f"{folder}/{name}.npy" for name in model.inputs}
    for name, array in model.inputs.items():
        numpy.save(files[name], array)
    results = lambda kind: {name: f"{folder}/{kind}.{name}.npy" for name in model.outputs}
    twice = count_kernels(device, folder, method)
    flags = [f"--quantize={method}"]
    device.compile(f"{folder}/recurrent.onnx", folder, *flags)
    if twice != device.count_kernels():
        sys.exit(f"{method}: {device.count_kernels()} kernels, and {twice} for twice the steps")
    device.run(files, results("gpu"))
    device.validate()
    run("quant-opt", f"{folder}/recurrent.onnx", *flags, "-o", f"{folder}/cpu.mlir")
    run("quant-run", f"{folder}/cpu.mlir", *([] if "-a8" in method else ["--float-activations"]),
        *(f"--input={key}={file}" for key, file in files.items()),
        *(f"--output={key}={file}" for key, file in results("cpu").items()))
    worst = 0
    for name in model.outputs:
        found, expected = numpy.load(results("gpu")[name]), numpy.load(results("cpu")[name])
        error = abs(found - expected).max() / abs(expected).max() if found.shape == expected.shape else numpy.inf
        worst = max(worst, error)
        if not error < 1e-3:
            sys.exit(f"{method}: {name}: relative error {error:.1e}\n{found}\nexpected {expected}")
    print(f"{device.name}: {method}: {len(model.outputs)} outputs, {twice} kernels, worst relative error {worst:.1e}")


if __name__ == "__main__":
    folder, *methods = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    device = find_device(methods.pop(0).split("=")[1] if methods[0].startswith("--dawn=") else None)
    for method in methods:
        check(folder, device, method)
