# ===- graph.py - ONNX graphs whose weights go straight to a file ------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
"""Builds an ONNX graph node by node. Large weights are drawn and written to the
external file as soon as they are named, so a model of any size takes little
memory to make."""
import contextlib
import os
import tempfile
import zlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

OPSET = 17
# Smaller tensors stay in the model's own file, as exporters do it.
EXTERNAL_BYTES = 1024
# Numbers drawn at a time: 4 MB.
CHUNK = 1 << 20


class Graph:
    """A graph in the making. Everything is named after `scope`, which is what
    the module tree of a framework would give."""

    def __init__(self, path, seed=0):
        self.path, self.seed = path, seed
        # Both files are written in a folder beside their place, and moved when they
        # are whole: whoever finds the model's file finds a model.
        folder, name = os.path.split(os.path.abspath(path))
        self.scratch = tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder)
        self.draft_path = os.path.join(self.scratch.name, name)
        self.data_path = self.draft_path + ".data"
        self.data = open(self.data_path, "wb")
        self.nodes, self.initializers, self.scopes = [], {}, []
        self.inputs, self.outputs = [], []
        self.parameters = self.largest = 0

    @contextlib.contextmanager
    def scope(self, name):
        self.scopes.append(name)
        yield
        self.scopes.pop()

    def path_of(self, name, separator):
        return separator.join([*self.scopes, name])

    def input(self, name, shape, kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name, value, shape):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.declare_output(name, shape)

    def declare_output(self, name, shape):
        """What a node has computed under this name is an output."""
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def node(self, kind, *inputs, **attributes):
        name = "/" + self.path_of(f"{kind}_{len(self.nodes)}", "/")
        output = name + "_output_0"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def constant(self, values, kind=np.int64):
        """A small constant; equal ones are one."""
        array = np.array(values, kind)
        name = f"const.{array.dtype}.{'x'.join(map(str, array.shape))}.{zlib.crc32(array.tobytes()):08x}"
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def scalar(self, value):
        return self.constant(value, np.float32)

    def weight(self, name, shape, deviation=None, mean=0.0):
        """Normal numbers, which depend on the seed and the name alone; the
        default deviation keeps activations of layers [K, N] near 1."""
        name = self.path_of(name, ".")
        size = int(np.prod(shape))
        deviation = shape[0] ** -0.5 if deviation is None else deviation
        generator = np.random.Generator(np.random.PCG64([self.seed, zlib.crc32(name.encode())]))
        self.parameters += size
        self.largest = max(self.largest, 4 * size)

        def draw(count):
            return (generator.standard_normal(count, np.float32) * np.float32(deviation) + np.float32(mean)).tobytes()

        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        if 4 * size < EXTERNAL_BYTES:
            tensor.raw_data = draw(size)
        else:
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", os.path.basename(self.data_path)), ("offset", self.data.tell()),
                               ("length", 4 * size)):
                tensor.external_data.add(key=key, value=str(value))
            for first in range(0, size, CHUNK):
                self.data.write(draw(min(CHUNK, size - first)))
        self.initializers[name] = tensor
        return name

    def save(self):
        """Writes the model, has onnx's checker judge it, and puts it in its place; its
        weights first, since the model's file says that there are some."""
        self.data.close()
        graph = helper.make_graph(self.nodes, "synthetic", self.inputs, self.outputs, list(self.initializers.values()))
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8), self.draft_path)
        checker.check_model(self.draft_path, full_check=True)
        os.replace(self.data_path, self.path + ".data")
        os.replace(self.draft_path, self.path)

    def close(self):
        """Leaves nothing of a model that was not saved."""
        self.data.close()
        self.scratch.cleanup()
