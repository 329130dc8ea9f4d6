#===- diagnostics.py - every diagnostic has a test ------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: diagnostics.py SOURCE

Fails for each error, warning and remark in the sources that no test expects. A
diagnostic is a call of one of the functions below with a literal text, a
`reason`, or a sentence that is returned. A test expects it if the test's text holds
four words in a row of the diagnostic's, or all of them where there are fewer.
"""

import pathlib
import re
import sys

FOLDERS = ("dialect", "passes", "codegen", "tools")
CALL = re.compile(r"\b(?:emitOpError|emitError|emitRemark|emitWarning|makeError|makeFileError|fail|fails|failure|error|"
                  r"accept|report|require|requireEqual)\s*\(|\breason = |\breturn (?:std::string\()?(?=\")|\breturn \{(?=\")")
# A statement's rest; semicolons in literals don't end it.
STATEMENT = re.compile(r'(?:[^";]|"(?:[^"\\\n]|\\.)*")*')
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
WORDS = 4
# What can't be provoked where the tests run, and why.
EXEMPT = {
    "LLVM's OpenMP library was not found": "the tests need the library",
    "requires features that SPIR-V has": "no operation here has another feature",
    "this build reads no ONNX": "the tests are built with it",
    "this target emits no assembly": "every host that LLVM supports emits it",
    "has no constant '": "the importer found the value that is replaced",
    "the exported model is larger than 2 GiB": "it takes a model of that size",
    "holds more than 2 GiB": "it takes a file of that size",
    "has raw data outside of the file": "the file's own reader made the reference",
    "the imported module is not valid": "it would be a mistake of the importer's",
    "a weight that was tried cannot be read": "the pass has just written it",
    "requires a name that nothing else has": "the run that wrote the group found it free",
    "' cannot be named": "upstream's refusal, of symbols that it can't follow",
    "the page's server requires": "it takes a machine without a loopback interface",
    "cannot be tiled": "upstream's refusal; no known linalg op on tensors gets one",
}
# Words that tests write in another way, such as {{.*}}, end a run.
WORD = re.compile(r"[^\s\"{}]+")


def join_literals(text):
    """Adjacent literals become one."""
    return re.sub(r'"\s*\n\s*"', "", text)


def find_texts(source):
    """The lines and texts of the diagnostics of a C++ file."""
    source = re.sub(r"//[^\n]*", "", source)
    for match in CALL.finditer(source):
        end = STATEMENT.match(source, match.start()).end()
        line = source.count("\n", 0, match.start()) + 1
        statement = join_literals(source[match.start():end])
        texts = [text.replace('\\"', '"').replace("\\n", "\n") for text in LITERAL.findall(statement)]
        # What is returned may be any text; sentences on one line are diagnostics.
        if match.group().startswith("return"):
            texts = [text for text in texts if len(text.split()) >= 4 and "\n" not in text]
        texts = [text.replace("\n", " ") for text in texts if len(text.split()) > 1]
        if texts:
            yield line, texts


def is_expected(texts, tests):
    """Whether `tests` hold a run of words of one of the texts."""
    for text in texts:
        words = WORD.findall(text)
        length = min(WORDS, len(words))
        for first in range(len(words) - length + 1):
            if " ".join(words[first:first + length]) in tests:
                return True
    return False


def main():
    root = pathlib.Path(sys.argv[1])
    parts = []
    for path in sorted((root / "test").rglob("*")):
        if path.suffix in (".cpp", ".h", ".mlir", ".test", ".py"):
            parts.append(join_literals(path.read_text()))
    tests = " ".join(WORD.findall(" ".join(parts)))
    count = missing = 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.cpp")):
            for line, texts in find_texts(path.read_text()):
                count += 1
                if not is_expected(texts, tests) and not any(part in text for part in EXEMPT for text in texts):
                    missing += 1
                    print(f"{path.relative_to(root)}:{line}: no test expects: {' ... '.join(texts)}")
    print(f"{count} diagnostics, {missing} without a test")
    return 1 if missing or not count else 0


if __name__ == "__main__":
    raise SystemExit(main())
