#===- hostile.py - the tools on files that mean harm ----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: hostile.py BIN SOURCE FOLDER [--seed N] [--times N] [--only KIND]

Runs quant-opt and quant-run from the folder BIN on variants of valid files and
fails if one run is killed by a signal or takes too long, fails without exactly
one error, or leaves a file behind after it failed. The variants depend on the
seed alone. --times N, or the variable LOWBIT_HOSTILE, multiplies their number.
What fails stays in FOLDER/found with the command that shows it.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess

import mutations
import seeds

TIMEOUT = 60  # Seconds; the machine may be busy.
CRASH = re.compile(r"PLEASE submit a bug|Stack dump|Assertion|LLVM ERROR|terminate called|AddressSanitizer|runtime error:")
PIPELINES = [
    ["--lowbit-raise", "--lowbit-quantize=method=int4-g16", "--lowbit-fuse"],
    ["--lowbit-quantize=method=uint3-g5-a8", "--lowbit-set-cpu-target=cpu=portable", "--lowbit-pack"],
    ["--lowbit-set-cpu-target=cpu=znver5", "--lowbit-pack", "--lowbit-lower-to-cpu-kernels"],
    ["--lowbit-lower-to-linalg"],
    ["--lowbit-lower-to-cpu-kernels", "--lowbit-lower-to-linalg", "--lowbit-cpu-to-llvm"],
]

Case = collections.namedtuple("Case", "kind files command pass_mode")


class Maker:
    """Makes cases; file names in commands are relative to a case's folder."""

    def __init__(self, generator, folder, ir_names, source):
        self.random, self.folder, self.ir_names = generator, folder, ir_names
        self.texts = []
        for area in ("dialect", "passes", "codegen", "readme"):
            for path in sorted((source / "test" / area).rglob("*.mlir")):
                parts = [re.sub(r"//.*", "", part) for part in path.read_text().split("// -----")]
                self.texts += [part for part in parts if "func.func" in part or "lowbit." in part]

    def read(self, name):
        return (self.folder / name).read_bytes()

    def artefact(self, name):
        """IR and its sidecar under the names that they have."""
        sidecar = pathlib.Path(name).with_suffix(".safetensors").name
        return {name: self.read(name), sidecar: self.read(sidecar)}

    def onnx(self):
        # The graph comes before the numbers.
        data = mutations.damage_bytes(self.random, self.read("model.onnx"), self.random.choice([None, 250, 250]))
        if self.random.random() < 0.2:
            return Case("onnx", {"bad.onnx": data}, ["quant-run", "bad.onnx", "--input", "ids=ids.npy", "--output",
                                                     "logits=out.npy"], False)
        return Case("onnx", {"bad.onnx": data},
                    ["quant-opt", "bad.onnx", "--quantize=int4-g16", "-o", "out.mlir"], False)

    def safetensors(self):
        files = self.artefact(self.random.choice(["quantize.mlir", "pack.mlir"]))
        name, sidecar = files
        # Without checksums nothing but the reader's own checks is left.
        files[name] = re.sub(rb'lowbit\.sidecar_checksum = "\w+"', b'lowbit.unchecked', files[name])
        damage = self.random.choice([mutations.damage_safetensors, mutations.damage_safetensors, mutations.damage_bytes])
        files[sidecar] = damage(self.random, files[sidecar])
        if self.random.random() < 0.3:
            return Case("safetensors", files, ["quant-run", name, "--input", "ids=ids.npy", "--output",
                                               "logits=out.npy"], False)
        return Case("safetensors", files, ["quant-opt", name, "--target=cpu", "-o", "out.mlir"], False)

    def bytecode(self):
        files = self.artefact("code.mlirbc")
        files["code.mlirbc"] = mutations.damage_bytes(self.random, files["code.mlirbc"])
        return Case("bytecode", files, ["quant-opt", "code.mlirbc", "--target=cpu", "-o", "out.mlir"], False)

    def npy(self):
        data = mutations.damage_bytes(self.random, self.read("ids.npy"))
        if self.random.random() < 0.5:
            data = data[:10] + mutations.change_ir(self.random, data[10:127].decode("latin1")).encode("latin1") + data[127:]
        return Case("npy", {"bad.npy": data},
                    ["quant-run", "quantize.mlir", "--input", "ids=bad.npy", "--output", "logits=out.npy"], False)

    def tokens(self):
        data = mutations.damage_bytes(self.random, self.read("tokens.bin"))
        return Case("tokens", {"bad.bin": data},
                    ["quant-run", "quantize.mlir", "--perplexity", "bad.bin", "--window", "8"], False)

    def tokenizer(self):
        import json
        text = json.dumps(mutations.damage_json(self.random, json.loads(self.read("merges.json")))).encode()
        if self.random.random() < 0.5:
            text = mutations.damage_bytes(self.random, text)
        return Case("tokenizer", {"bad.json": text}, ["quant-run", "quantize.mlir", "--generate", "2", "--prompt",
                                                      "hello", "--tokenizer", "bad.json"], False)

    def ir(self):
        """The model at one of its phases, through all that follow."""
        files = self.artefact(self.random.choice(self.ir_names))
        name = next(iter(files))
        files[name] = mutations.change_ir(self.random, files[name].decode()).encode()
        flags = self.random.choice([["--target=cpu", "-o", "out.mlir"], ["--emit=llvm", "-o", "out.ll"]])
        if self.random.random() < 0.5:
            flags = ["--quantize=int4-g16", *flags]
        return Case("ir", files, ["quant-opt", name, *flags], False)

    def run(self):
        files = self.artefact(self.random.choice(self.ir_names))
        name = next(iter(files))
        files[name] = mutations.change_ir(self.random, files[name].decode()).encode()
        return Case("run", files, ["quant-run", name, "--input", "ids=ids.npy", "--output", "logits=out.npy"], False)

    def passes(self):
        """Modules of the tests, which hold every construct there is."""
        text = mutations.change_ir(self.random, self.random.choice(self.texts))
        return Case("passes", {"bad.mlir": text.encode()},
                    ["quant-opt", "bad.mlir", *self.random.choice(PIPELINES), "-o", "out.mlir"], True)


COUNTS = {"onnx": 50, "safetensors": 50, "bytecode": 8, "npy": 16, "tokens": 8, "tokenizer": 12, "ir": 110,
          "run": 24, "passes": 150}


def judge(status, output, left, pass_mode):
    """What is wrong with a run, or None."""
    if status is None:
        return "takes too long"
    if status < 0 or status >= 124 or CRASH.search(output):
        return f"crashes (status {status})"
    if status == 0:
        return None
    errors = len(re.findall(r"\berror: ", output))
    # mlir-opt's way of running passes tells every error that it finds.
    if errors == 0 or (errors > 1 and not pass_mode):
        return f"fails with {errors} errors"
    return f"fails and leaves {', '.join(left)}" if left else None


def run(case, folder, tools, inputs):
    """Runs one case in a folder of its own; returns what is wrong, or None."""
    folder.mkdir()
    for name in inputs:
        os.link(inputs[name], folder / name)
    for name, data in case.files.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(data)
    before = set(os.listdir(folder))
    command = [str(tools / case.command[0]), *case.command[1:]]
    # Compiled code may end by exhausting memory; the machine must not. A
    # sanitizer reserves more than any limit for itself.
    limit = "" if "ASAN_OPTIONS" in os.environ else "ulimit -v 16777216; "
    limited = ["sh", "-c", limit + 'ulimit -c 0; exec "$@"', "sh", *command]
    try:
        result = subprocess.run(limited, cwd=folder, timeout=TIMEOUT, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        status, output = result.returncode, result.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired:
        status, output = None, ""
    problem = judge(status, output, sorted(set(os.listdir(folder)) - before), case.pass_mode)
    if problem and is_upstream(case, folder):
        problem = None
    if problem:
        (folder / "command.txt").write_text(" ".join(command) + f"\n{problem}\n{output[-20000:]}")
    else:
        shutil.rmtree(folder)
    return problem


def is_upstream(case, folder):
    """Whether mlir-opt, which knows nothing of lowbit, dies of the same file."""
    name = case.command[1]
    tool = shutil.which("mlir-opt")
    if not tool or not name.endswith(".mlir"):
        return False
    result = subprocess.run([tool, name, "--canonicalize", "-o", os.devnull], cwd=folder, timeout=TIMEOUT,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return result.returncode < 0 or bool(CRASH.search(result.stderr.decode(errors="replace")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=int(os.environ.get("LOWBIT_HOSTILE", "1")))
    parser.add_argument("--only", choices=sorted(COUNTS))
    options = parser.parse_args()
    options.tools = options.tools.resolve()
    shutil.rmtree(options.folder, ignore_errors=True)
    valid, found = options.folder / "valid", options.folder / "found"
    valid.mkdir(parents=True)
    found.mkdir()
    names = seeds.write_seeds(valid, options.tools / "quant-opt")
    inputs = {path.name: path.resolve() for path in valid.iterdir()}
    maker = Maker(random.Random(options.seed), valid, names, options.source)
    cases = [getattr(maker, kind)() for kind, count in COUNTS.items() if options.only in (None, kind)
             for _ in range(count * options.times)]
    problems = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(run, case, found / f"{case.kind}-{i}", options.tools, inputs)
                for i, case in enumerate(cases)]
        for i, (case, job) in enumerate(zip(cases, jobs)):
            if job.result():
                problems[case.kind] += 1
                print(f"{found / f'{case.kind}-{i}'}: {job.result()}")
    print(f"{len(cases)} hostile files, {problems.total()} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
