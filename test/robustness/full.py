#===- full.py - every output on a full disk -------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: full.py BIN FOLDER

Writes every kind of output where there is too little room for it, over an older
result: in a file system of a few pages, where this program may mount one, and
under a limit on the size of files. Each run must end with one error that names
the file, and the older files, and no others, must be there afterwards.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import seeds

# The output and the command, in which {out} is the output.
OLD, NEW = "--quantize=int8", "--quantize=int4-g16"
# Code that is made quickly.
SIMPLE = ["--mcpu=portable", "--serial"]
QUANTIZE = ["quant-opt", "model.onnx", "-o", "{out}", NEW]
KINDS = {
    "mlir": ("m.mlir", QUANTIZE),
    "mlirbc": ("m.mlirbc", [*QUANTIZE, "--target=cpu", "--emit=bytecode"]),
    "llvm": ("m.ll", [*QUANTIZE, "--emit=llvm", *SIMPLE]),
    "asm": ("m.s", [*QUANTIZE, "--emit=asm", *SIMPLE]),
    "object": ("m.o", [*QUANTIZE, "--emit=object", *SIMPLE]),
    "embedded": ("m.o", [*QUANTIZE, "--emit=object", *SIMPLE, "--embed-weights"]),
    "shared": ("libm.so", [*QUANTIZE, "--emit=shared", *SIMPLE]),
    "npy": ("y.npy", ["quant-run", "model.onnx", "--input", "ids=ids.npy", "--output", "logits={out}"]),
}
REASON = re.compile(r"No space left on device|File too large|File size limit exceeded")
PAGE = os.sysconf("SC_PAGESIZE")


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def command(kind, tools, inputs, folder):
    output, words = KINDS[kind]
    names = {"model.onnx": inputs / "model.onnx", "ids=ids.npy": f"ids={inputs / 'ids.npy'}"}
    return [tools / words[0], *(str(names.get(word, word)).format(out=folder / output) for word in words[1:])]


def make_files(kind, options, folder, method):
    """Fills `folder` with what a run with enough room writes."""
    folder.mkdir(parents=True)
    words = [method if str(word).startswith("--quantize") else word
             for word in command(kind, options.tools, options.inputs, folder)]
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


def try_limit(kind, options, folder, files):
    """The largest file doesn't fit. Yields what is wrong."""
    largest, before = max(map(len, files.values())), read(folder)
    for limit in (1, largest - 1):
        yield f"limit of {limit}", judge(*run(command(kind, options.tools, options.inputs, folder), limit), read(folder),
                                         before)


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
            yield f"disk of {size}", judge(*run(command(kind, options.tools, options.inputs, disk)), read(disk), before)
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
