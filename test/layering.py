#===- layering.py - dependencies point one way ----------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: layering.py SOURCE_DIR

Checks every #include of a header of this project against the order

    numerics <- dialect <- passes <- codegen <- tools

A folder may include its own headers and those to its left. The numerics know
neither MLIR nor LLVM; the run time knows the numerics alone; the CPU and GPU
code generators don't know each other. Headers outside of an include folder are
private to the folder that they stand in. Libraries that CMake builds without MLIR
include none of its headers: those of the dialect may not be generated when they
are compiled. Prints each offence and fails.
"""

import pathlib
import re
import sys

# Prefix of a header's path below <lowbit/...> -> the layer that owns it.
HEADERS = {
    "Numerics": "numerics",
    "IR": "dialect",
    "Reference": "dialect",
    "Transforms": "passes",
    "CodeGen": "codegen",
    "Runtime": "runtime",
    "Frontends": "tools",
    "Tools": "tools",
    "Compiler.h": "tools",
}
# Layer -> the layers whose headers it may include.
ALLOWED = {
    "numerics": {"numerics"},
    "dialect": {"numerics", "dialect"},
    "passes": {"numerics", "dialect", "passes"},
    "runtime": {"numerics", "runtime"},
    "codegen": {"numerics", "dialect", "passes", "runtime", "codegen"},
    "tools": {"numerics", "dialect", "passes", "runtime", "codegen", "tools"},
}
# Code generators that must not include each other.
BACKENDS = {"cpu": {"GPU", "SPIRV", "WGSL"}, "gpu": {"CPU"}, "spirv": {"CPU"},
            "wgsl": {"CPU"}}
LIBRARY = re.compile(r"lowbit_add_library\(([^)]*)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def layer_of(path):
    """The layer of a source file, given relative to the source folder."""
    parts = path.parts
    if "include" in parts and "lowbit" in parts:
        return HEADERS.get(parts[parts.index("lowbit") + 1])
    if parts[:2] == ("dialect", "numerics"):
        return "numerics"
    if parts[:2] == ("codegen", "runtime"):
        return "runtime"
    return parts[0] if parts[0] in ALLOWED else None


def check_file(root, path):
    """Offences of one file."""
    relative = path.relative_to(root)
    layer = layer_of(relative)
    if layer is None:
        return [f"{relative}: belongs to no layer"]
    offences = []
    for include in INCLUDE.findall(path.read_text()):
        if include.startswith("../"):
            offences.append(f"{relative}: {include} is private to its folder")
        if include.startswith(("mlir/", "llvm/")) and layer == "numerics":
            offences.append(f"{relative}: numerics must not include {include}")
        if include.startswith("lowbit-c/") and layer != "tools":
            offences.append(f"{relative}: {layer} must not include {include}")
        if not include.startswith("lowbit/"):
            continue
        parts = include.split("/")
        if HEADERS.get(parts[1]) not in ALLOWED[layer]:
            offences.append(f"{relative}: {layer} must not include {include}")
        backend = relative.parts[1] if relative.parts[0] == "codegen" else None
        if parts[1] == "CodeGen" and parts[2] in BACKENDS.get(backend, ()):
            offences.append(f"{relative}: {backend} must not include {include}")
    return offences


def find_plain_sources(root):
    """Sources of libraries that need no MLIR."""
    for folder in ("dialect", "passes", "codegen", "tools"):
        for path in sorted((root / folder).rglob("CMakeLists.txt")):
            for library in LIBRARY.findall(path.read_text()):
                words = library.split()
                if "NO_MLIR" in words:
                    yield from (path.parent / word for word in words if word.endswith((".c", ".cpp")))


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    offences, count = [], 0
    for folder in ("dialect", "passes", "codegen", "tools"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".c", ".cpp", ".inc"):
                count += 1
                offences += check_file(root, path)
    for path in find_plain_sources(root):
        for include in INCLUDE.findall(path.read_text()):
            if include.startswith("mlir/"):
                offences.append(f"{path.relative_to(root)}: its library is built without MLIR, and {include} is of that")
    print("\n".join(offences + [f"{count} files, {len(offences)} offences"]))
    return 1 if offences or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
