"""What scripts that compile a model for a GPU, and run it there, share.

`find_device(HARNESS)` is a Vulkan device, for SPIR-V, or with the folder of
run_module.mjs Dawn, for a web module. What compilers, drivers and validators refuse
ends the script.
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def run(*command, missing=None):
    """What the command says; None where it fails with the text `missing`."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        if missing and missing in result.stderr:
            return None
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


class Vulkan:
    """Kernels in SPIR-V, watched by the validation layer and shown to spirv-val."""

    # Tests may run on a processor; kernels for those are for Dawn alone.
    withheld = "software"

    def __init__(self):
        self.name = "no device yet"

    def compile(self, source, folder, *flags):
        """What quant-opt remarks; `run` runs the model."""
        self.model = f"{folder}/gpu.json"
        return run("quant-opt", source, *flags, "--target=spirv", "-o", self.model)

    def get_variants(self):
        with open(self.model) as file:
            return [variant["name"] for variant in json.load(file)["variants"]]

    def count_kernels(self):
        """How many the model has, without variants."""
        with open(self.model) as file:
            return len({dispatch["kernel"] for function in json.load(file)["functions"]
                        for dispatch in function["dispatches"]})

    def run(self, inputs, outputs, variant=None):
        """From files to files, by name; the variant that ran, None without f16 for it."""
        flags = [f"--variant={variant}"] if variant else ["--validate"]
        if variant and "f16" in variant:
            flags.append("--validate")
        said = run("lowbit-vulkan-run", self.model, *flags,
                   *(f"--input={name}={file}" for name, file in inputs.items()),
                   *(f"--output={name}={file}" for name, file in outputs.items()),
                   missing="requires the feature 'f16'")
        if said is None:
            return None
        said = said.splitlines()
        self.name = said[-1].split(": ")[0]
        return next(line for line in said if line.startswith("variant: ")).split(": ")[1]

    def validate(self):
        run(sys.executable, HERE / "validate.py", self.model)


class Dawn:
    """Shaders in WGSL, which naga must accept, too."""

    # run_module.mjs opens a device without features.
    withheld = "subgroups"

    def __init__(self, harness):
        self.harness, self.name = harness, "Dawn"

    def compile(self, source, folder, *flags):
        self.model = f"{folder}/gpu.webgpu.js"
        return run("quant-opt", source, *flags, "--target=webgpu", "--fallback=none", "-o", self.model)

    def get_variants(self):
        with open(self.model[:-len("js")] + "json") as file:
            return [variant["name"] for variant in json.load(file)["variants"]]

    def count_kernels(self):
        with open(self.model[:-len("js")] + "json") as file:
            return len({dispatch["kernel"] for function in json.load(file)["functions"].values()
                        for dispatch in function["dispatches"]})

    def run(self, inputs, outputs, variant=None):
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


def find_device(harness=None):
    return Dawn(harness) if harness else Vulkan()
