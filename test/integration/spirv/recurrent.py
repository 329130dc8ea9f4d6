"""LSTM, GRU and RNN on a GPU, against the CPU.

  recurrent.py FOLDER [--dawn=HARNESS | --browser=NAME] METHOD...

One model has them in the forms of ONNX, in both directions, with rows that end
early, peepholes, and codes of ONNX Runtime's quantizer. Quantized by each method,
outputs may differ from those of the CPU by a thousandth of the largest number. Twice
the steps have the same kernels.
"""
import os
import sys

import numpy
from gpu import compare, compile_for_cpu, name_outputs, run_on_cpu, save_inputs, save_model, take_device
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
        save_model(path, graph, 14, "com.microsoft")


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
    inputs = save_inputs(folder, model.inputs)
    found, expected = (name_outputs(folder, kind, model.outputs) for kind in ("gpu", "cpu"))
    twice = count_kernels(device, folder, method)
    flags = [f"--quantize={method}"]
    device.compile(f"{folder}/recurrent.onnx", folder, *flags)
    if twice != device.count_kernels():
        sys.exit(f"{method}: {device.count_kernels()} kernels, and {twice} for twice the steps")
    device.run(inputs, found)
    device.validate()
    run_on_cpu(compile_for_cpu(f"{folder}/recurrent.onnx", folder, *flags), inputs, expected,
               *([] if "-a8" in method else ["--float-activations"]))
    worst = max(compare(numpy.load(found[name]), numpy.load(expected[name]), 1e-3, f"{method}: {name}")
                for name in model.outputs)
    print(f"{device.name}: {method}: {len(model.outputs)} outputs, {twice} kernels, worst relative error {worst:.1e}")


if __name__ == "__main__":
    device, (folder, *methods) = take_device(sys.argv[1:])
    os.makedirs(folder, exist_ok=True)
    for method in methods:
        check(folder, device, method)
