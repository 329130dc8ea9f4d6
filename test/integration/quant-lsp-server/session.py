#===- session.py - a session with a language server -----------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: session.py SERVER FILE LINE CHARACTER

Talks to SERVER over its standard input and output as an editor does: opens
FILE, prints the diagnostics that come back, and what hovering over the place
(counted from 0) shows. Fails if the server doesn't end cleanly.
"""

import json
import pathlib
import subprocess
import sys


class Session:
    def __init__(self, server):
        self.process = subprocess.Popen([server], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.requests = 0

    def send(self, method, params, **more):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params,
                           **more}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.process.stdout.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def request(self, method, params):
        """The result of a request, and the notifications before it."""
        self.requests += 1
        self.send(method, params, id=self.requests)
        notifications = []
        while (message := self.receive()).get("id") != self.requests:
            notifications.append(message)
        return message["result"], notifications


def main():
    server, path, line, character = sys.argv[1:]
    session = Session(server)
    session.request("initialize", {"processId": None, "rootUri": None,
                                   "capabilities": {}})
    session.send("initialized", {})
    document = {"uri": pathlib.Path(path).resolve().as_uri()}
    session.send("textDocument/didOpen", {"textDocument": {
        **document, "languageId": "mlir", "version": 1,
        "text": pathlib.Path(path).read_text()}})
    hover, notifications = session.request("textDocument/hover", {
        "textDocument": document,
        "position": {"line": int(line), "character": int(character)}})
    for message in notifications:
        for diagnostic in message["params"].get("diagnostics", []):
            place = diagnostic["range"]["start"]
            print(f"{place['line']}:{place['character']}: {diagnostic['message']}")
    print(hover["contents"]["value"] if hover else "nothing to show")
    session.request("shutdown", None)
    session.send("exit", None)
    return session.process.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
