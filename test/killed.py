#===- killed.py - what a killed program leaves elsewhere ------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""LLVM's OpenMP registers each process in shared memory, under its number. One
that is killed while it starts leaves an empty entry, over which a later process
of that number would crash."""

import os
import pathlib


def clean_up(process):
    """Removes what `process`, which has ended, has left."""
    name = f"__KMP_REGISTERED_LIB_{process.pid}_{os.getuid()}"
    for folder in ("/dev/shm", "/tmp"):
        (pathlib.Path(folder) / name).unlink(missing_ok=True)
