#===- fake_browser.py - a browser as quant-run sees one --------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: fake_browser.py WHAT [browser options] URL

Does what a page in a browser does, or goes wrong in the way that WHAT names:
run, crash, leave, sleep, odd, list, arguments, forge, or a field of its result
that no page would send, as name=JSON.
"""

import http.client
import json
import os
import pathlib
import struct
import sys
import time
import urllib.parse

WHAT, OPTIONS, URL = sys.argv[1], sys.argv[2:-1], sys.argv[-1]
PORT, FOLDER = urllib.parse.urlparse(URL).port, urllib.parse.urlparse(URL).path[:-1]


def ask_at(method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def ask(method, path, body=None, **headers):
    return ask_at(method, FOLDER + path, body, **headers)


def get(path):
    status, body = ask("GET", path)
    assert status == 200, (path, status)
    return body


def hold():
    """The connection by which a page shows that it is there."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request("GET", FOLDER + "/alive")
    return connection


def send_result(**result):
    assert ask("POST", "/result", json.dumps(result))[0] == 200


def run():
    kept = hold()
    assert b"runner.js" in get("/") and b"import(" in get("/runner.js")
    job = json.loads(get("/run.json"))
    get("/" + job["module"])
    get("/" + urllib.parse.quote(job["module"].replace(".js", ".json")))
    ask("POST", "/state", "at work")
    # y = 2 x, as a module would have it.
    (x,) = job["inputs"]
    count = len(get("/input/0")) // 4
    numbers = struct.unpack(f"<{count}f", get("/input/0"))
    head = json.dumps({"name": "y", "type": x["type"], "shape": [count]}) + "\n"
    ask("POST", "/output", head.encode() + struct.pack(f"<{count}f", *(2 * value for value in numbers)))
    report = {
        "model": "doubled", "backend": "webgpu", "variant": job["variant"] or "base", "precision": job["precision"] or None, "bitsPerWeight": 4.5,
        "adapter": {"vendor": "acme", "architecture": "anvil", "description": "", "isSoftware": False},
        "memory": {"floatWeights": 4000000, "packedWeights": 500000, "reduction": 0.875, "scratch": 1000, "cache": 0, "total": 600000},
        "load": {"weights": 10.5, "pipelines": 20.25, "total": 21}, "kernels": 2, "dispatches": 5,
        "workgroups": [{"size": [64, 1, 1], "dispatches": 3}, {"size": [8, 8, 1], "dispatches": 2}]}
    send_result(report=report, agent="Mozilla/5.0 Chrome/150.0.1.2 Safari/537.36 Edg/150.0.9.9", heapBefore=1000, heapAfter=3000,
                milliseconds=[float(i + 1) for i in range(job["runs"])])
    kept.close()


def odd():
    """What no browser sends; then a result without a report."""
    for path in ("/../odd", "/other.js", "/m.webgpu.none", "/input/7", "/%2e%2e/m.webgpu.js"):
        assert ask("GET", path)[0] == 404, path
    assert ask("POST", "/nothing", "x")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.connect()
    connection.send(b"no request at all\r\n\r\n")
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 400")
    # A connection that stays silent holds nobody up.
    http.client.HTTPConnection("127.0.0.1", PORT).connect()
    send_result(error={"code": "corrupted", "message": "shard 'm.webgpu.0.bin' is corrupted:\n by hand"})


def forge():
    """What another page in the same browser can send, with a result in it that is refused; then one of the page's own."""
    forged = json.dumps({"error": {"code": "forged", "message": "by another page"}})
    own = f"127.0.0.1:{PORT}"
    for headers in ({"Host": f"rebound.example:{PORT}"}, {"Host": "127.0.0.1"}, {"Host": f"127.0.0.1:{PORT + 1}"}, {"Host": f"{own}.example"},
                    {"Origin": "http://elsewhere.example"}, {"Origin": "null"}, {"Origin": f"https://{own}"}, {"Origin": f"http://127.0.0.1:{PORT + 1}"}):
        for method, path in (("POST", "/result"), ("GET", "/"), ("GET", "/run.json")):
            assert ask(method, path, forged, **headers)[0] == 403, headers
    token = FOLDER[1:]
    assert len(token) == 32 and len(set(token)) > 4, token
    for folder in ("", "/", "/" + "0" * len(token), "/" + token[:-1], "/" + token + "0", "/x/" + token):
        assert ask_at("POST", folder + "/result", forged)[0] == 403, folder
    # Two hosts are none.
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.putrequest("POST", FOLDER + "/result", skip_host=True)
    for host in (own, "elsewhere.example"):
        connection.putheader("Host", host)
    connection.putheader("Content-Length", str(len(forged)))
    connection.endheaders(forged.encode())
    assert connection.getresponse().status == 403
    assert ask("GET", "/", Host=f"LocalHost:{PORT}", Origin=f"http://localhost:{PORT}")[0] == 200
    send_result(error={"code": "own", "message": "the page's own"})


def send_field(name, value):
    """A result of the page's, or an output before it, with this field."""
    head = {"name": "y", "type": "f32", "shape": [1]}
    if name in head:
        ask("POST", "/output", json.dumps(head | {name: value}).encode() + b"\n" + bytes(4))
    send_result(**{"report": {}, name: value})


def crash():
    print("out of glue", file=sys.stderr)
    sys.exit(3)


def leave():
    ask("POST", "/state", "3 of 8 bytes")
    hold().close()


def arguments():
    """What a Firefox was started with, and the preferences in its profile."""
    profile = pathlib.Path(OPTIONS[OPTIONS.index("--profile") + 1])
    said = " ".join(option for option in OPTIONS if option != str(profile))
    webgpu = "dom.webgpu.enabled" in (profile / "user.js").read_text()
    send_result(error={"code": "said", "message": f"{said}; WebGPU {webgpu}; in {os.path.basename(profile)[:15]}"})


actions = {"run": run, "odd": odd, "crash": crash, "leave": leave, "arguments": arguments, "sleep": lambda: None,
           "list": lambda: ask("POST", "/result", "[]"), "forge": forge}
if "=" in WHAT:
    field, text = WHAT.split("=")
    send_field(field, json.loads(text))
else:
    actions[WHAT]()
time.sleep(60)
