#===- kill.py - quant-opt killed at every moment of writing ---------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: kill.py BIN CC FOLDER [--random N]

Compiles a small model again and again over an older result of several files,
killing quant-opt before each call that syncs, renames or removes a file, before
some that write, and N times at a random moment. What is left must be all of the
old files or all of the new ones; or an artefact that loads as one of both; or a
program without its code. The next run must then succeed, and leave the new files
alone. What a run keeps for the next one (statistics, finished layers) must be of
use to that, and is no result.
"""

import argparse
import concurrent.futures
import fnmatch
import itertools
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

import seeds

sys.path.append(str(pathlib.Path(__file__).parents[1]))
from killed import clean_up

OLD, NEW = "--quantize=int8", "--quantize=int4-g16"
CALIBRATE = ["--calibrate={folder}/../tokens.bin", "--calibration-window=8"]
# The output, without which files beside it are of no use; the flags that make
# it of a model, and of an artefact; and what the former need beyond that.
KINDS = {
    "mlir": ("m.mlir", ["--target=cpu"], [NEW]),
    "mlirbc": ("m.mlirbc", ["--emit=bytecode"], [NEW]),
    # An object is written by the same code, and takes as long.
    "shared": ("libm.so", ["--emit=shared", "--mcpu=portable", "--serial"], [NEW]),
    "onnx": ("q.onnx", ["--emit=onnx"], [NEW]),
    "report": ("m.mlir", [], [NEW, "--report={folder}/r.json"]),
    "statistics": ("s.safetensors", [], [*CALIBRATE, "--statistics={folder}/s.safetensors"]),
    "resume": ("m.mlir", [], ["--quantize=gptq-int4-g16", *CALIBRATE, "--sequential", "--resume={folder}/work"]),
}
# Files that are read if they are there: runs begin without.
KEPT = {"statistics": "s.safetensors", "resume": "work/*"}
# Temporary files, and sidecars that an old artefact still finds.
HIDDEN = re.compile(r"\.[0-9a-fA-F]{6}\.tmp$|\.[0-9a-f]{16}\.old$")


def read(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Victim:
    """One kind of output: its command and the old and new files."""

    def __init__(self, kind, tools, library, folder):
        self.output, self.flags, self.extra = KINDS[kind]
        self.kind, self.tools, self.library, self.folder = kind, tools, library, folder
        self.model = folder.parent / "model.onnx"
        folder.mkdir()
        self.old, self.new = {} if kind in KEPT else self.compile(OLD), self.compile(NEW)
        # What an artefact is once it has been loaded and written again.
        self.is_artefact = self.output.startswith("m.mlir")
        self.loaded = [self.load(files) for files in (self.old, self.new) if files] if self.is_artefact else []

    def command(self, method):
        extra = [method if word == NEW else word.format(folder=self.folder) for word in self.extra]
        output = [] if self.kind == "statistics" else ["-o", self.folder / self.output]
        return [self.tools / "quant-opt", self.model, *extra, *self.flags, *output]

    def results(self, files):
        """Those of the files that are no temporary ones, nor for the next run."""
        return {name: data for name, data in files.items()
                if not HIDDEN.search(name) and not fnmatch.fnmatch(name, KEPT.get(self.kind, ""))}

    def fill(self, files):
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        for name, data in files.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_bytes(data)

    def compile(self, method):
        self.fill({})
        subprocess.run(self.command(method), check=True, stderr=subprocess.DEVNULL)
        return read(self.folder)

    def load(self, files=None):
        """The artefact in the folder, loaded and written elsewhere, or None."""
        if files:
            self.fill(files)
        target = self.folder.with_name(self.kind + ".loaded")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        result = subprocess.run([self.tools / "quant-opt", self.folder / self.output, *self.flags, "-o",
                                 target / self.output], stderr=subprocess.DEVNULL)
        return read(target) if result.returncode == 0 else None

    def start(self, kill_at):
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "KILL_AT": str(kill_at)}
        return subprocess.Popen(self.command(NEW), env=environment, stderr=subprocess.PIPE)

    def moments(self):
        """Numbers of calls to die at: writes to temporary files are much alike."""
        self.fill(self.old)
        calls = re.findall(rb"^call: (\w+)", self.start(0).communicate()[1], re.MULTILINE)
        pairs = zip([b"", *calls], calls)
        return [i + 1 for i, (last, call) in enumerate(pairs) if call != b"write" or last != b"write"]

    def judge(self, before):
        """What is wrong with the files that are left, or None."""
        left = self.results(read(self.folder))
        if left not in (self.results(before), self.results(self.new)):
            if not self.is_artefact:
                if self.output in left:
                    return f"{self.output} is there beside files of another run: {sorted(left)}"
            elif before and self.load() not in self.loaded:
                return f"the artefact loads neither as the old nor as the new one: {sorted(left)}"
            elif not before and self.output in left:
                return "the artefact is there in part"
        subprocess.run(self.command(NEW), check=True, stderr=subprocess.DEVNULL)
        if read(self.folder) != self.new:
            return f"the next run leaves {sorted(read(self.folder))}"
        return None

    def kill_at(self, call, before):
        self.fill(before)
        process = self.start(call)
        process.communicate()
        clean_up(process)
        return self.judge(before)

    def kill_after(self, seconds, before):
        self.fill(before)
        process = self.start(0)
        time.sleep(seconds)
        process.kill()
        process.communicate()
        clean_up(process)
        return self.judge(before)


def attack(kind, options, library):
    """Kills one kind of output at all its moments; returns how often, and what is wrong."""
    victim, generator = Victim(kind, options.tools, library, options.folder.resolve() / kind), random.Random(kind)
    began = time.monotonic()
    moments = [(victim.kill_at, call) for call in victim.moments()]
    duration = time.monotonic() - began
    moments += [(victim.kill_after, duration * generator.random()) for _ in range(options.random)]
    befores = [victim.old, {}] if kind == "mlir" else [victim.old]
    cases = list(itertools.product(befores, moments))
    problems = []
    for before, (kill, moment) in cases:
        if problem := kill(moment, before):
            problems.append(f"{kind}, {kill.__name__} {moment}: {problem}")
    return len(cases), problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("compiler")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=2, help="further kills of each kind at a random moment")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    library = options.folder.resolve() / "killer.so"
    source = pathlib.Path(__file__).with_name("killer.c")
    subprocess.run([options.compiler, "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    seeds.write_model(options.folder / "model.onnx")
    seeds.write_tokens(options.folder / "tokens.bin")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(attack, kind, options, library) for kind in KINDS]
    kills = sum(job.result()[0] for job in jobs)
    problems = [problem for job in jobs for problem in job.result()[1]]
    print("\n".join([*problems, f"{kills} kills, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
