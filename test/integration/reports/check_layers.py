#===- check_layers.py - two reports speak of the same layers --------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_layers.py FIRST.json SECOND.json

Layers are the same, in name, order and every figure. (How many tensors hold them
may differ.)
"""

import json
import pathlib
import sys


def main():
    first, second = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
    for one, other in zip(first["layers"], second["layers"], strict=True):
        assert one == other, (one, other)


if __name__ == "__main__":
    main()
