"""Tokens that quant-run appends: generate.py MODEL IDS.npy COUNT"""
import subprocess
import sys

import numpy

model, ids, count = sys.argv[1:]
prompt = ",".join(map(str, numpy.load(ids).ravel()))
result = subprocess.run(["quant-run", model, "--float-activations", f"--generate={count}", f"--prompt-tokens={prompt}"],
                        capture_output=True, text=True, check=True)
print("tokens:", *result.stdout.replace(",", " ").split()[-int(count):])
