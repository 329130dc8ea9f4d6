#===- check_docs.py - everything that a user meets is documented ----------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_docs.py SOURCE_DIR DOC_DIR LLVM_TBLGEN INCLUDE_DIR

Reads the .td files of SOURCE_DIR and checks that

  - operations, attributes, types and passes have a summary, and a description
    with an example;
  - dialect interfaces and each of their methods have a description;
  - passes have statistics, and each statistic and option has a description;
  - a pass called `lowbit-name` has a lit test `name.mlir`;
  - the pages that `lowbit-doc` made of them in DOC_DIR name them all.

Prints each lack and fails.
"""

import json
import pathlib
import subprocess
import sys

EXAMPLE = "```mlir"


def records(source, tblgen, include, td):
    """All records of a file, and a function from a class to those of its
    instances that the file itself defines."""
    flags = [f"-I{source / folder / 'include'}" for folder in
             ("dialect", "passes", "codegen")]
    dump = subprocess.run([tblgen, "--dump-json", f"-I{include}", *flags, td],
                          check=True, capture_output=True, text=True).stdout
    table = json.loads(dump)

    def instances(name):
        found = (table[key] for key in table["!instanceof"].get(name, []))
        # Not what the included files define.
        return [r for r in found
                if r["!locs"][-1].split(":")[0] == pathlib.Path(td).name]
    return table, instances


def lacks_of_entity(name, record):
    """Lacks of an operation, attribute, type or pass."""
    if not record["summary"]:
        yield f"{name}: no summary"
    if EXAMPLE not in record["description"]:
        yield f"{name}: no description with an example"


def check_file(source, tblgen, include, td, page_text):
    """Lacks of one .td file, and the number of things that it defines."""
    table, instances = records(source, tblgen, include, str(td))
    lacks, count = [], 0
    entities = [(f"lowbit.{r['opName']}", r) for r in instances("Op")]
    entities += [(r["cppClassName"], r) for kind in ("AttrDef", "TypeDef")
                 for r in instances(kind) if "EnumAttr" not in r["!superclasses"]]
    passes = [(r["argument"], r) for r in instances("PassBase")]
    for name, record in entities + passes:
        count += 1
        lacks += lacks_of_entity(name, record)
        if name not in page_text:
            lacks.append(f"{name}: on no page of the reference")
    for name, record in passes:
        test = name.removeprefix("lowbit-") + ".mlir"
        if not any((source / "test").rglob(test)):
            lacks.append(f"{name}: no test {test}")
        if not record["statistics"]:
            lacks.append(f"{name}: no statistics")
        for part in record["options"] + record["statistics"]:
            if not table[part["def"]]["description"]:
                lacks.append(f"{name}: an option or statistic without description")
    for record in instances("Interface"):
        count += 1
        if not record["description"]:
            lacks.append(f"{record['!name']}: no description")
        for method in record["methods"]:
            if not table[method["def"]]["description"]:
                lacks.append(f"{record['!name']}: a method without description")
    return lacks, count


def main():
    source, pages, tblgen, include = sys.argv[1:]
    source = pathlib.Path(source)
    page_text = "\n".join(page.read_text() for page in
                          sorted(pathlib.Path(pages).glob("*.md")))
    lacks, count = [], 0
    for folder in ("dialect", "passes", "codegen"):
        for td in sorted((source / folder / "include").rglob("*.td")):
            found, defined = check_file(source, tblgen, include, td, page_text)
            lacks += found
            count += defined
    lacks = sorted(set(lacks))
    print("\n".join(lacks + [f"{count} definitions, {len(lacks)} lacks"]))
    return 1 if lacks or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
