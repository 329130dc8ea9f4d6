"""What scripts that compile a model for a GPU, and run it there, share.

A device is a Vulkan device, for SPIR-V; with --dawn=HARNESS, the folder of
run_module.mjs, Dawn, for a web module; with --browser=NAME an installed browser, for
one. What compilers, drivers and validators refuse ends the script.
"""
import json
import pathlib
import re
import subprocess
import sys

import numpy
import onnx
from onnx import helper

HERE = pathlib.Path(__file__).parent


def call(*command, missing=None):
    """The command that has ended; None where it fails with the text `missing`."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        if missing and missing in result.stderr:
            return None
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result


def run(*command, missing=None):
    """What the command prints; None where it fails with the text `missing`."""
    result = call(*command, missing=missing)
    return result and result.stdout


class Vulkan:
    """Kernels in SPIR-V, watched by the validation layer and shown to spirv-val."""

    # Tests may run on a processor; kernels for those are for Dawn alone.
    withheld = "software"

    def __init__(self):
        self.name = "no device yet"

    def compile(self, source, folder, *flags):
        """What quant-opt remarks; `run` runs the model."""
        self.model = f"{folder}/gpu.json"
        return call("quant-opt", source, *flags, "--target=spirv", "-o", self.model).stderr

    def get_variants(self):
        with open(self.model) as file:
            return [variant["name"] for variant in json.load(file)["variants"]]

    def count_kernels(self):
        """How many the model has, without variants."""
        with open(self.model) as file:
            return len({dispatch["kernel"] for function in json.load(file)["functions"]
                        for dispatch in function["dispatches"]})

    def run(self, inputs, outputs, variant=None, validates=False):
        """From files to files, by name; the variant that ran, None without f16 for it.

        The layer watches what the device chooses and f16, and others where it is asked to.
        """
        flags = [f"--variant={variant}"] if variant else []
        if validates or not variant or "f16" in variant:
            flags.append("--validate")
        said = run("lowbit-vulkan-run", self.model, *flags, *name_files(inputs, outputs),
                   missing="requires the feature 'f16'")
        if said is None:
            return None
        said = said.splitlines()
        self.name = said[-1].split(": ")[0]
        return next(line for line in said if line.startswith("variant: ")).split(": ")[1]

    def validate(self):
        run(sys.executable, HERE / "validate.py", self.model)


class Page:
    """A web module."""

    def compile(self, source, folder, *flags):
        self.model = f"{folder}/gpu.webgpu.js"
        return call("quant-opt", source, *flags, "--target=webgpu", "--fallback=none", "-o", self.model).stderr

    def get_variants(self):
        with open(self.model[:-len("js")] + "json") as file:
            return [variant["name"] for variant in json.load(file)["variants"]]

    def count_kernels(self):
        with open(self.model[:-len("js")] + "json") as file:
            return len({dispatch["kernel"] for function in json.load(file)["functions"].values()
                        for dispatch in function["dispatches"]})


class Dawn(Page):
    """Shaders in WGSL, which naga must accept, too."""

    # run_module.mjs opens a device without features.
    withheld = "subgroups"

    def __init__(self, harness):
        self.harness, self.name = harness, "Dawn"

    def run(self, inputs, outputs, variant=None, validates=False):
        flags = ["--variant", variant] if variant else []
        if variant and "subgroups" in variant:
            flags += ["--features", "subgroups"]
        for flag, files in (("--input", inputs), ("--output", outputs)):
            flags += [part for name, file in files.items() for part in (flag, f"{name}={file}")]
        said = run("node", f"{self.harness}/run_module.mjs", self.model, *flags,
                   missing="needs the feature 'shader-f16'")
        if said is None:
            return None
        accepted, report = said.split("\n", 1)
        if not accepted.startswith("naga accepts "):
            sys.exit(accepted)
        report = json.loads(report)
        self.name = "Dawn on " + report["adapter"]["architecture"]
        return report["variant"]

    def validate(self):
        """naga has seen every shader before the first run."""


class Browser(Page):
    """An installed browser, on the adapter that it finds: modules here have no WebAssembly."""

    def __init__(self, browser):
        self.browser, self.name = browser, browser

    def run(self, inputs, outputs, variant=None, validates=False):
        flags = [f"--variant={variant}"] if variant else []
        said = run("quant-run", self.model, f"--browser={self.browser}", "--runs=1", "--warm-up=0", *flags,
                   *name_files(inputs, outputs))
        return re.search(r"^variant +(\S+)", said, re.MULTILINE)[1]

    def validate(self):
        """The browser has compiled all shaders."""


def find_device(harness=None, browser=None):
    if browser:
        return Browser(browser)
    return Dawn(harness) if harness else Vulkan()


def take_device(arguments):
    """The device that arguments name, and the other arguments."""
    places = {flag: argument.removeprefix(f"--{flag}=") for argument in arguments
              for flag in ("dawn", "browser") if argument.startswith(f"--{flag}=")}
    others = [argument for argument in arguments if not argument.startswith(("--dawn=", "--browser="))]
    return find_device(places.get("dawn"), places.get("browser")), others


def save_inputs(folder, arrays):
    """Files of arrays, by name."""
    files = {name: f"{folder}/{name}.npy" for name in arrays}
    for name, array in arrays.items():
        numpy.save(files[name], array)
    return files


def name_outputs(folder, kind, names):
    """Files for what a run of some kind yields, by name."""
    return {name: f"{folder}/{kind}{i}.npy" for i, name in enumerate(names)}


def name_files(inputs, outputs):
    """Flags of quant-run and lowbit-vulkan-run."""
    return [f"--{flag}={name}={file}" for flag, files in (("input", inputs), ("output", outputs))
            for name, file in files.items()]


def compile_for_cpu(source, folder, *flags):
    model = f"{folder}/cpu.mlir"
    run("quant-opt", source, *flags, "-o", model)
    return model


def run_on_cpu(model, inputs, outputs, *flags):
    run("quant-run", model, *flags, *name_files(inputs, outputs))


def compare(found, expected, limit, what):
    """The largest difference, relative to the largest number; `limit` ends the script."""
    if found.shape != expected.shape:
        sys.exit(f"{what}: {found.shape}, expected {expected.shape}")
    error = abs(found - expected).max() / abs(expected).max()
    if not error < limit:
        sys.exit(f"{what}: relative error {error:.1e}\n{found}\nexpected {expected}")
    return error


def save_model(path, graph, opset, *domains):
    """Writes a graph as an ONNX model, with the first version of other domains."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset),
                                                    *(helper.make_opsetid(domain, 1) for domain in domains)])
    model.ir_version = 8
    onnx.save(model, path)
