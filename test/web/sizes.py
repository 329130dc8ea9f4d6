"""sizes.py [--most=N] MODULE.json...

Whether pipelines of kernels for processors are sure to be created soon, by what
their shaders have, not by a clock: no workgroup memory and no barrier, which
cost a processor most, and at most so many statements. Prints the largest kernel
of each module.
"""
import json
import re
import sys

# SwiftShader took 0.08 to 0.16 s for the largest kernels there are, of 290, on an
# AMD EPYC (Zen 4), 2 processors.
MOST = 320


def count_statements(code):
    lines = (line.split("//")[0].strip() for line in code.splitlines())
    return sum(line.endswith(";") or line.endswith("{") for line in lines)


def main():
    flags = [argument for argument in sys.argv[1:] if argument.startswith("--most=")]
    most = int(flags[-1].split("=")[1]) if flags else MOST
    failures = 0
    for path in sys.argv[1 + len(flags):]:
        with open(path) as file:
            manifest = json.load(file)
        variant = next((variant for variant in manifest["variants"] if variant["features"] == ["software"]), None)
        if not variant:
            sys.exit(f"{path}: no variant is for processors alone")
        largest = (0, "")
        for name in set(variant["kernels"].values()):
            code = manifest["kernels"][name]
            count = count_statements(code)
            largest = max(largest, (count, name))
            problems = [f"it has {count} statements, more than {most}"] if count > most else []
            problems += [f"it has {what}" for what, pattern in (
                ("workgroup memory", r"var<workgroup>"), ("a barrier", r"\b\w+Barrier\(")) if re.search(pattern, code)]
            for problem in problems:
                failures += 1
                print(f"{path}: {name}, a kernel for processors: {problem}; pipelines have to be created within 0.2 s")
        print(f"{path}: {len(variant['kernels'])} kernels for processors, at most {largest[0]} statements: {largest[1]}")
    return 1 if failures else 0


sys.exit(main())
