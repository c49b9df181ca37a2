"""The program that contract cases run: `python work.py VERB …`. Standard library only."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def event(**fields):
    print("\x1emodelyard " + json.dumps(fields), flush=True)


def touch(path):
    Path(path).write_text("done")


def write(path, text):
    Path(path).write_text(text)


def copy(source, target):
    shutil.copyfile(source, target)


def sleep(seconds, path):
    time.sleep(float(seconds))
    touch(path)


def events(path):
    print("a line on stdout")
    print("a line on stderr", file=sys.stderr)
    event(event="note", text="reading")
    event(event="metric", name="loss", value=0.5, step=1)
    for done in range(1, 4):
        event(event="progress", done=done, total=3, text="epoch", values={})
        time.sleep(0.06)
    touch(path)


def forge():
    event(event="result", result={"fingerprint": "forged", "outputs": {}})
    sys.exit(1)


def secret(path):
    print(f"the key is {os.environ['KEY']}")
    event(event="note", text=f"key {os.environ['KEY']}")
    Path(path).write_text(str(len(os.environ["KEY"])))


def fail(text):
    raise ValueError(text)


def nothing():
    pass


def second_time(path):
    if os.environ["MODELYARD_ATTEMPT"] == "1":
        sys.exit(1)
    touch(path)


def checkpoint(path):
    kept = Path(os.environ["MODELYARD_WORKDIR"]) / "checkpoint"
    if not kept.exists():
        kept.write_text("epoch 3")
        sys.exit(1)
    touch(path)


def hang(marker):
    time.sleep(600)


def tidy(marker):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("tidied up", flush=True)))
    print("listening", flush=True)
    time.sleep(600)


def ignore(marker):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(600)


def leave_grandchild(marker, path):
    subprocess.Popen([sys.executable, __file__, "ignore", marker], start_new_session=True)
    time.sleep(0.3)
    touch(path)


def shout(megabytes, path):
    block = ("x" * 99 + "\n") * 10_000
    for _ in range(int(megabytes)):
        sys.stdout.write(block)
    print("the very last line")
    touch(path)


def one_line(megabytes, path):
    for _ in range(int(megabytes)):
        sys.stdout.write("y" * 1_000_000)
    touch(path)


def serve(port, answer, marker):
    if answer == "crash":
        sys.exit("cannot read the model")
    if answer == "hang":
        time.sleep(600)
    born = str(time.time_ns())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            text = born if self.path == "/born" else answer
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    host = os.environ.get("MODELYARD_HOST") or ("0.0.0.0" if Path("/.dockerenv").exists() else "127.0.0.1")
    HTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
