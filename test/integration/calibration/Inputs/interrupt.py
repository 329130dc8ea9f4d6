#===- interrupt.py - kills a program over and over ------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: interrupt.py FOLDER COUNT COMMAND...

Runs COMMAND, and kills it when FOLDER has 1, 2, ... COUNT files or, for a
random moment, a little later. In the end COMMAND runs to its end.
"""

import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).parents[3]))
from killed import clean_up


def main():
    folder, count, command = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    generator = random.Random(3)
    kills = 0
    for wanted in range(1, count + 1):
        process = subprocess.Popen(command)
        while process.poll() is None:
            if folder.exists() and len(list(folder.iterdir())) >= wanted:
                time.sleep(generator.choice([0, 0.01, 0.05]))
                break
            time.sleep(0.001)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        clean_up(process)
    print(kills, "kills")
    sys.exit(subprocess.run(command, check=False).returncode)


main()
