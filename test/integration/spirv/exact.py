"""Models of operators that must be exact on a GPU and on the CPU, to the bit as numpy has them."""
import os
import sys

import numpy
import onnx
from gpu import compile_for_cpu, name_outputs, run_on_cpu, save_inputs, save_model
from onnx import helper


def type_of(array):
    if hasattr(helper, "np_dtype_to_tensor_dtype"):
        return helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype]


class Model:
    """Nodes, the inputs of a run, and what it must yield."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.expected = [], [], {}, {}

    def input(self, name, array):
        self.inputs[name] = array
        return array

    def node(self, op, inputs, expected, **attributes):
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.expected[name] = expected

    def save(self, path):
        values = lambda arrays: [helper.make_tensor_value_info(name, type_of(array), array.shape)
                                 for name, array in arrays.items()]
        save_model(path, helper.make_graph(self.nodes, "exact", values(self.inputs), values(self.expected),
                                           self.constants), 18)


def check(folder, device, model):
    os.makedirs(folder, exist_ok=True)
    source = f"{folder}/model.onnx"
    model.save(source)
    inputs = save_inputs(folder, model.inputs)
    results = {kind: name_outputs(folder, kind, model.expected) for kind in ("cpu", "gpu")}
    run_on_cpu(compile_for_cpu(source, folder, "--quantize=none"), inputs, results["cpu"])
    device.compile(source, folder, "--quantize=none")
    device.run(inputs, results["gpu"])
    device.validate()
    nodes = {node.output[0]: node for node in model.nodes}
    for kind, files in results.items():
        for name, file in files.items():
            found, expected = numpy.load(file), model.expected[name]
            if not numpy.array_equal(found, expected):
                sys.exit(f"{kind}: {nodes[name].op_type} of {', '.join(nodes[name].input)}: {found}\nexpected {expected}")
