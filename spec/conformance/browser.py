#!/usr/bin/env python3
"""browser.py BUILD - a page in Chromium over HTTP/2.

BUILD/crolua serves browser.lua with a certificate for development; the page in a headless
Chromium asks for 50 parts at once, sends a body, and reports to the server what it saw.

Prints what differs, and exits 1 when something does; 77 when there is no Chromium.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
PATIENCE = 50  # seconds for all of it


def differences(said, most):
    expected = {"page": "h2", "others": "h2", "sent": "300000", "parts": ",".join(f"p{i}" for i in range(50))}
    wrong = [f"{key}: {said.get(key)!r}, not {value!r}" for key, value in expected.items() if said.get(key) != value]
    if "error" in said:
        wrong.append(said["error"])
    if most < 10:
        wrong.append(f"only {most} requests at a time")
    return wrong


def run(crolua, browser, folder):
    subprocess.run([crolua, "dev-cert", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([crolua, HERE / "browser.lua", "server-crt.pem", "server-key.pem"], cwd=folder,
                              stdout=subprocess.PIPE, text=True)
    watch = threading.Timer(PATIENCE, server.kill)
    watch.start()
    client = None
    try:
        port = server.stdout.readline().strip()
        client = subprocess.Popen(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--ignore-certificate-errors", f"--user-data-dir={folder}/profile", "--remote-debugging-port=0",
             f"https://127.0.0.1:{port}/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL)
        report, most = server.stdout.readline(), server.stdout.readline()
        if not most:
            return ["the page has reported nothing"]
        wrong = differences(json.loads(report), int(most))
        if server.wait(10) != 0:
            wrong.append(f"the server has ended with {server.returncode}")
        return wrong
    finally:
        watch.cancel()
        for process in (client, server):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(10)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: browser.py BUILD")
    browser = next((path for path in map(shutil.which, NAMES) if path), None)
    if browser is None:
        print("no Chromium (Debian: chromium-headless-shell or chromium)")
        sys.exit(77)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        wrong = run(pathlib.Path(sys.argv[1]).resolve() / "crolua", browser, folder)
    print("\n".join(wrong) if wrong else "50 fetches at once and an upload over HTTP/2")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
