#===- check_readme.py - what the README shows is what the tools print -----===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_readme.py PAGE TOOL...

A code block under a comment `<!-- TOOL FILE ARGUMENTS -->` must be what that
command prints, TOOL being the name of one that was given and FILE relative to
the page; `<!-- file FILE -->` must be the file's text. A line `...` in a block
stands for any lines, and so does the end of a `file` block. The commands of a
block under `<!-- sh NAME=FILE ... -->` must succeed, in an empty folder; each
NAME in them stands for that file, and names of tools for those given.
"""

import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"<!-- ([\w-]+) (.*?) -->\n```\w*\n(.*?)```", re.DOTALL)


def produce(kind, words, folder, tools):
    """The text that a block must show."""
    path = folder / words[0]
    if kind == "file":
        return path.read_text()
    return subprocess.run([tools[kind], str(path), *words[1:]], check=True,
                          capture_output=True, text=True).stdout


def find_failure(commands, files, folder, tools):
    """What the commands of a block say if they fail, or None."""
    names = dict(tools)
    for file in files:
        name, path = file.split("=")
        names[name] = str((folder / path).resolve())
    for name, path in names.items():
        commands = re.sub(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", path, commands)
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(["sh", "-e", "-c", commands], cwd=empty,
                              capture_output=True, text=True)
    return None if done.returncode == 0 else commands + done.stderr


def find_difference(shown, produced):
    """The first shown line that isn't where it should be, or None."""
    lines = iter([line.strip() for line in produced.splitlines() if line.strip()])
    skipping = False
    for line in shown.splitlines():
        line = line.strip()
        if line == "...":
            skipping = True
        elif line:
            actual = next(lines, None)
            while skipping and actual not in (line, None):
                actual = next(lines, None)
            skipping = False
            if actual != line:
                return f"shown:   {line}\nprinted: {actual}"
    return None


def main():
    page = pathlib.Path(sys.argv[1])
    tools = {pathlib.Path(tool).name: tool for tool in sys.argv[2:]}
    blocks = BLOCK.findall(page.read_text())
    failed = 0
    for kind, arguments, shown in blocks:
        words = shlex.split(arguments)
        if kind == "sh":
            difference = find_failure(shown, words, page.parent, tools)
        else:
            produced = produce(kind, words, page.parent, tools)
            difference = find_difference(shown, produced)
        if difference:
            failed += 1
            print(f"{kind} {arguments}\n{difference}")
    print(f"{len(blocks)} blocks, {failed} differ")
    return 1 if failed or not blocks else 0


if __name__ == "__main__":
    sys.exit(main())
