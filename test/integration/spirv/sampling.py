"""Images resized and signals transformed on a GPU, against the CPU.

  sampling.py FOLDER [--dawn=HARNESS] METHOD...

Where a pixel is sampled, and the angles of a transform, are computed in 64 bits, which
GPUs lack, before the model runs. One model has all ways to sample; nearest pixels are
those of the CPU, and other numbers differ from its by at most 2e-6 of the largest. No
method quantizes what is a table.
"""
import os
import sys

import numpy
from gpu import compile_for_cpu, name_outputs, run_on_cpu, save_inputs, save_model, take_device
from onnx import TensorProto, helper, numpy_helper

TRANSFORMS = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric",
              "tf_crop_and_resize")
IMAGE, SIGNAL = (1, 2, 9, 13), (2, 96, 1)


class Model:
    def __init__(self):
        self.random = numpy.random.default_rng(11)
        self.nodes, self.constants, self.exact = [], [], {}
        self.inputs = {"image": self.floats(*IMAGE), "signal": self.floats(*SIGNAL), "complex": self.floats(2, 3, 12, 2)}

    def floats(self, *shape):
        return self.random.standard_normal(shape).astype(numpy.float32)

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def node(self, op, inputs, exact=False, **attributes):
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.exact[name] = exact

    def resize(self, sizes, mode, transform, **attributes):
        region = numpy.float32([0, 0, 0.1, -0.2, 1, 1, 0.9, 1.3])
        inputs = ["image", self.constant(region) if transform.startswith("tf") else "", "",
                  self.constant(numpy.int64([1, 2, *sizes]))]
        self.node("Resize", inputs, exact=mode == "nearest", mode=mode, coordinate_transformation_mode=transform,
                  **attributes)

    def save(self, path):
        value = lambda name, array: helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.exact]
        graph = helper.make_graph(self.nodes, "sampling", [value(*item) for item in self.inputs.items()], outputs,
                                  self.constants)
        save_model(path, graph, 20)


def make_model():
    model = Model()
    for transform in TRANSFORMS:
        for mode in ("nearest", "linear", "cubic"):
            model.resize((5, 17), mode, transform)
        # More positions than an importer computes.
        model.resize((130, 7), "linear", transform)
    for rounding in ("round_prefer_ceil", "floor", "ceil"):
        model.resize((4, 20), "nearest", "half_pixel", nearest_mode=rounding)
    model.resize((4, 6), "linear", "half_pixel", antialias=1)
    model.resize((4, 20), "cubic", "half_pixel", antialias=1, exclude_outside=1)
    axis = model.constant(numpy.int64(1))
    for length in (96, 1, 2, 7, 130):
        for onesided in (0, 1):
            model.node("DFT", ["signal", model.constant(numpy.int64(length)), axis], onesided=onesided)
    model.node("DFT", ["complex", "", model.constant(numpy.int64(2))], inverse=1)
    model.node("STFT", ["signal", model.constant(numpy.int64(8)), model.constant(numpy.hanning(24).astype("f4"))])
    return model


def check(folder, device, method):
    model = make_model()
    model.save(f"{folder}/sampling.onnx")
    inputs = save_inputs(folder, model.inputs)
    results, wanted = (name_outputs(folder, kind, model.exact) for kind in ("gpu", "cpu"))
    device.compile(f"{folder}/sampling.onnx", folder, f"--quantize={method}")
    device.run(inputs, results)
    device.validate()
    run_on_cpu(compile_for_cpu(f"{folder}/sampling.onnx", folder, "--quantize=none"), inputs, wanted)
    worst = 0
    for node, (name, exact) in zip(model.nodes, model.exact.items()):
        found, expected = numpy.load(results[name]), numpy.load(wanted[name])
        error = abs(found - expected).max() / abs(expected).max() if found.shape == expected.shape else numpy.inf
        worst = max(worst, error)
        if not error <= (0 if exact else 2e-6):
            sys.exit(f"{method}: {node.op_type} {name}: relative error {error:.1e}\n{found}\nexpected {expected}")
    print(f"{device.name}: {method}: {len(model.nodes)} samplings, worst relative error {worst:.1e}")


if __name__ == "__main__":
    device, (folder, *methods) = take_device(sys.argv[1:])
    os.makedirs(folder, exist_ok=True)
    for method in methods:
        check(folder, device, method)
