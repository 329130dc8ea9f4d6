#===- full.py - every output on a full disk -------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: full.py BIN FOLDER

Writes every kind of output where there is too little room for it, over an older
result: in a file system of a few pages, where this program may mount one, and
under a limit on the size of files. Each run must end with one error that names
the file, and the older files, and no others, must be there afterwards. What a run
keeps for the next one (statistics, layers that are finished) may be there, too,
if it is whole; with enough room, that next run must then give the same files.
"""

import argparse
import fnmatch
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import seeds

# The output and the command, in which {out} is the output, {folder} is where it
# lies, and {valid} has the inputs.
OLD, NEW = "--quantize=int8", "--quantize=int4-g16"
# Code that is made quickly.
SIMPLE = ["--mcpu=portable", "--serial"]
QUANTIZE = ["quant-opt", "{valid}/model.onnx", "-o", "{out}", NEW]
CALIBRATE = ["--calibrate={valid}/tokens.bin", "--calibration-window=8"]
KINDS = {
    "mlir": ("m.mlir", QUANTIZE),
    "mlirbc": ("m.mlirbc", [*QUANTIZE, "--target=cpu", "--emit=bytecode"]),
    "llvm": ("m.ll", [*QUANTIZE, "--emit=llvm", *SIMPLE]),
    "asm": ("m.s", [*QUANTIZE, "--emit=asm", *SIMPLE]),
    "object": ("m.o", [*QUANTIZE, "--emit=object", *SIMPLE]),
    "embedded": ("m.o", [*QUANTIZE, "--emit=object", *SIMPLE, "--embed-weights"]),
    "shared": ("libm.so", [*QUANTIZE, "--emit=shared", *SIMPLE]),
    "onnx": ("q.onnx", [*QUANTIZE, "--emit=onnx"]),
    "report": ("m.mlir", [*QUANTIZE, "--report={folder}/r.html"]),
    "npy": ("y.npy", ["quant-run", "{valid}/model.onnx", "--input", "ids={valid}/ids.npy", "--output", "logits={out}"]),
    "run-report": ("r.json", ["quant-run", "{valid}/model.onnx", "--perplexity={valid}/tokens.bin", "--window=8",
                              "--report={out}"]),
    "statistics": ("s.safetensors", ["quant-opt", "{valid}/model.onnx", *CALIBRATE, "--statistics={out}"]),
    "sensitivity": ("m.mlir", [*QUANTIZE, *CALIBRATE, "--strategy=measured", "--budget=bpw=5",
                               "--candidates=int4-g16,int8", "--sensitivity={folder}/losses.json"]),
    "resume": ("m.mlir", ["quant-opt", "{valid}/model.onnx", "-o", "{out}", "--quantize=gptq-int4-g16", *CALIBRATE,
                          "--sequential", "--resume={folder}/work"]),
}
# Files that are read if they are there: runs begin without.
KEPT = {"statistics": "s.safetensors", "sensitivity": "losses.json", "resume": "work/*"}
REASON = re.compile(r"No space left on device|File too large|File size limit exceeded")
PAGE = os.sysconf("SC_PAGESIZE")


def read(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(kind, options, folder):
    output, words = KINDS[kind]
    names = {"out": folder / output, "folder": folder, "valid": options.inputs}
    return [options.tools / words[0], *(word.format(**names) for word in words[1:])]


def make_files(kind, options, folder, method):
    """Fills `folder` with what a run with enough room writes."""
    folder.mkdir(parents=True)
    words = [method if word == NEW else word for word in command(kind, options, folder)]
    status, text = run(words)
    if status:
        sys.exit(f"{kind}: {text}")


def run(words, limit=None):
    """Status and text of a run whose files may have `limit` bytes."""
    def set_limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    result = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            preexec_fn=set_limit if limit else None)
    return result.returncode, result.stderr.decode(errors="replace")


def judge(status, text, left, before):
    """What is wrong with a run that had too little room, or None."""
    errors = re.findall(r"^.*\berror: .*$", text, re.MULTILINE)
    if status <= 0:
        return f"ends with status {status}"
    # A linker says what it has to say in the text of our error.
    ours = [error for error in errors if re.match(r"quant-(opt|run): error: ", error)]
    if len(ours) != 1:
        return f"fails with {len(ours)} errors: {text}"
    if not REASON.search(text):
        return f"doesn't say why: {text}"
    if left != before:
        return f"leaves {sorted(left)}, changed or not, of {sorted(before)}"
    return None


class Attempt:
    """One kind of output where there is too little room."""

    def __init__(self, kind, options, folder, files):
        self.kind, self.options, self.folder, self.files, self.before = kind, options, folder, files, read(folder)

    def run(self, limit=None):
        """What is wrong with a run under a limit, or None."""
        status, text = run(command(self.kind, self.options, self.folder), limit)
        pattern = KEPT.get(self.kind, "")
        left = {name: data for name, data in read(self.folder).items()
                if not (fnmatch.fnmatch(name, pattern) and data == self.files[name])}
        return judge(status, text, left, self.before)

    def go_on(self):
        """What is wrong with the next run, which has room, or None."""
        if self.kind not in KEPT:
            return None
        status, text = run(command(self.kind, self.options, self.folder))
        if status:
            return f"the next run fails: {text}"
        return None if read(self.folder) == self.files else "the next run gives other files"


def try_limit(kind, options, folder, files):
    """The largest file doesn't fit. Yields what is wrong."""
    for limit in (1, max(map(len, files.values())) - 1):
        attempt = Attempt(kind, options, folder, files)
        yield f"limit of {limit}", attempt.run(limit) or attempt.go_on()
        if kind in KEPT:
            shutil.rmtree(folder)
            folder.mkdir()


def try_mount(kind, options, folder, files):
    """Some of the new files fit beside the old ones, not all."""
    pages = [-(-len(data) // PAGE) for data in files.values()]
    before = read(folder)
    taken = sum(-(-len(data) // PAGE) for data in before.values())
    for room in {sum(pages) // 2, sum(pages) - 1}:
        size = (taken + room) * PAGE
        disk = options.folder / "disk"
        disk.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], check=True)
        try:
            for name, data in before.items():
                (disk / name).write_bytes(data)
            attempt = Attempt(kind, options, disk, files)
            problem = attempt.run()
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            yield f"disk of {size}", problem or attempt.go_on()
        finally:
            subprocess.run(["umount", disk], check=True)


def attack(options):
    """Tries all kinds one way; returns how many runs, and what is wrong."""
    count, problems = 0, []
    for kind in KINDS:
        new = read(options.folder / "new" / kind)
        attempts = try_mount if options.mount else try_limit
        for what, problem in attempts(kind, options, options.folder / "old" / kind, new):
            count += 1
            if problem:
                problems.append(f"{kind}, {what}: {problem}")
    return count, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--mount", action="store_true", help="this is a mount namespace of our own")
    options = parser.parse_args()
    options.tools, options.folder = options.tools.resolve(), options.folder.resolve()
    options.inputs = options.folder / "valid"
    if not options.mount:
        shutil.rmtree(options.folder, ignore_errors=True)
        options.inputs.mkdir(parents=True)
        seeds.write_seeds(options.inputs, options.tools / "quant-opt")
        for kind in KINDS:
            make_files(kind, options, options.folder / "new" / kind, NEW)
            # So that all files change: a program keeps a file of the same weights.
            if kind in KEPT:
                (options.folder / "old" / kind).mkdir(parents=True)
            else:
                make_files(kind, options, options.folder / "old" / kind, OLD)
        may_mount = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode == 0
        if may_mount:
            subprocess.run(["unshare", "-m", sys.executable, __file__, options.tools, options.folder, "--mount"])
        else:
            print("this user may not mount: full disks are not tried")
    count, problems = attack(options)
    way = "full disks" if options.mount else "limits on files"
    print("\n".join([*problems, f"{count} {way}, {len(problems)} problems"]), flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
