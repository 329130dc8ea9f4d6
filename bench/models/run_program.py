"""usage: run_program.py LIBRARY TASK THREADS

Loads a library that quant-opt wrote (--name=model) and for each line on standard
input runs it once and prints seconds as JSON. TASK is JSON: `prompt` and
`tokens` of a decoder with a cache, or the `length` of other models' texts.
"""
import ctypes
import json
import re
import sys
import time

INT64 = ctypes.c_int64
TYPES = {"float": ctypes.c_float, "int64_t": INT64, "int32_t": ctypes.c_int32}


class Library:
    def __init__(self, path, threads):
        self.code = ctypes.CDLL(path)
        self.code.model_message.restype = ctypes.c_char_p
        base = path.removesuffix(".so")
        with open(base + ".h") as header:
            self.header = header.read()
        # Of one thread, the processor's time: other load hardly disturbs it.
        self.clock = time.process_time if threads == 1 else time.perf_counter
        self.model = ctypes.c_void_p()
        self.check(self.code.model_load_resident((base + ".safetensors").encode(), ctypes.byref(self.model)))
        self.code.model_set_threads(self.model, threads)

    def check(self, error):
        if error:
            sys.exit(self.code.model_message().decode())

    def count_words(self, kind):
        """Words of a structure of inputs or outputs."""
        body = re.search(r"typedef struct model_" + kind + r"s \{(.*?)\}", self.header, re.S)[1]
        words = 0
        for name in re.findall(r"(model_" + kind + r"_\w+) \w+;", body):
            fields = re.search(r"typedef struct " + name + r" \{(.*?)\}", self.header, re.S)[1]
            rank = re.search(r"shape\[(\d+)\]", fields)
            words += 1 + (int(rank[1]) if rank else 0) + 2 * ("owned" in fields)
        return words


class Decoder:
    def __init__(self, library, task):
        self.library, self.count, self.steps = library, task["prompt"], task["tokens"]
        self.text = ctypes.c_void_p()
        library.check(library.code.model_create_text(library.model, ctypes.byref(self.text)))
        vocabulary = int(re.search(r"Tokens are 0 to (\d+)", library.header)[1]) + 1
        kind = TYPES[re.search(r"const (\w+) \*tokens", library.header)[1]]
        self.tokens = (kind * self.count)(*(7919 * i % vocabulary for i in range(self.count)))
        self.outputs = (INT64 * library.count_words("output"))()

    def run(self):
        code, check, clock = self.library.code, self.library.check, self.library.clock
        start = clock()
        check(code.model_prefill(self.text, self.tokens, INT64(self.count), INT64(0), self.outputs))
        prompt = clock() - start
        steps = []
        for i in range(self.steps):
            start = clock()
            check(code.model_decode(self.text, INT64(i), INT64(self.count + i), self.outputs))
            steps.append(clock() - start)
        steps.sort()
        # A step is shorter than what a scheduler gives: the quickest had the processor to itself.
        return {"prompt": prompt, "decode": steps[len(steps) // 8]}


class Encoder:
    def __init__(self, library, task):
        self.library = library
        words, self.keep = [], []
        for title, kind, shape in re.findall(r"/\*\* Input '([^']*)': (\w+)[^\[]*\[([^\]]*)\]", library.header):
            extents = [int(part) if part.strip().isdigit() else task["length"] for part in shape.split(",")]
            count = 1
            for extent in extents:
                count *= extent
            value = 1 if "int" in kind else 0.5
            data = (TYPES[kind] * count)(*([value] * count))
            self.keep.append(data)
            words += [ctypes.addressof(data), *extents]
        self.inputs = (INT64 * len(words))(*words)
        self.outputs = (INT64 * library.count_words("output"))()

    def run(self):
        clock = self.library.clock
        start = clock()
        self.library.check(self.library.code.model_run(self.library.model, self.inputs, self.outputs))
        return {"run": clock() - start}


def main():
    task = json.loads(sys.argv[2])
    library = Library(sys.argv[1], int(sys.argv[3]))
    runner = (Decoder if "prompt" in task else Encoder)(library, task)
    for line in sys.stdin:
        print(json.dumps(runner.run() if line.strip() == "run" else {}), flush=True)


main()
