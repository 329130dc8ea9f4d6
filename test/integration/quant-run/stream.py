# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""stream.py COMMAND...: prints what the command writes to standard output, a line for each time that it writes. Pipes in
packet mode keep what is written at once apart, however late it is read."""
import os
import subprocess
import sys

read, write = os.pipe2(os.O_DIRECT)
process = subprocess.Popen(sys.argv[1:], stdout=write, stderr=subprocess.DEVNULL)
os.close(write)
while packet := os.read(read, 4096):
    print(repr(packet.decode()))
sys.exit(process.wait())
