#!/usr/bin/env python3
"""tls_scan.py BUILD - examples/tls_server.lua as scanners of TLS see it.

Starts the example in BUILD/crolua with a certificate for development and has sslscan,
and where it is installed testssl.sh, look at it. What they find must be TLS 1.2 with
ephemeral keys and authenticated ciphers and TLS 1.3, and nothing else: no renegotiation,
no compression, no known weakness.

Prints what differs, and exits 1 when something does; 77, with the package's name, when
there is no sslscan.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALLOWED = re.compile(r"TLS_(AES|CHACHA20)_|ECDHE-(RSA|ECDSA)-(AES(128|256)-GCM|CHACHA20)")
WEAKNESSES = ["--protocols", "--heartbleed", "--ccs-injection", "--renegotiation", "--crime"]
PATIENCE = 40  # seconds for a scanner


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, server):
    until = time.monotonic() + 20
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    sys.exit("the server does not listen")


@contextlib.contextmanager
def serving(build):
    crolua = pathlib.Path(build).resolve() / "crolua"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([crolua, "dev-cert", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        server = subprocess.Popen([crolua, ROOT / "examples/tls_server.lua"], cwd=folder,
                                  env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port)})
        try:
            wait_for(port, server)
            yield port, folder
            if server.poll() is not None:
                sys.exit(f"the server has ended: {server.returncode}")
        finally:
            server.terminate()
            server.wait(10)


def sslscan(port, folder):
    """What sslscan finds that should not be."""
    report = pathlib.Path(folder) / "sslscan.xml"
    subprocess.run(["sslscan", "--no-colour", f"--xml={report}", f"127.0.0.1:{port}"], check=True,
                   stdout=subprocess.DEVNULL, timeout=PATIENCE)
    found = xml.etree.ElementTree.parse(report).getroot().find("ssltest")
    if found is None:
        return ["it has tested nothing"]
    wrong = []
    enabled = {p.get("type") + " " + p.get("version") for p in found.iter("protocol") if p.get("enabled") == "1"}
    if enabled != {"tls 1.2", "tls 1.3"}:
        wrong.append(f"protocols: {', '.join(sorted(enabled)) or 'none'}")
    ciphers = [c.get("cipher") for c in found.iter("cipher")]
    if not any(c.startswith("TLS_") for c in ciphers) or not any(c.startswith("ECDHE-") for c in ciphers):
        wrong.append(f"too few ciphers: {', '.join(ciphers) or 'none'}")
    wrong += [f"cipher {c}" for c in ciphers if not ALLOWED.match(c)]
    wrong += [f"renegotiation: {dict(r.attrib)}" for r in found.iter("renegotiation") if r.get("supported") != "0"]
    wrong += ["compression" for c in found.iter("compression") if c.get("supported") != "0"]
    wrong += [f"heartbleed in {h.get('sslversion')}" for h in found.iter("heartbleed") if h.get("vulnerable") != "0"]
    return wrong


def testssl(program, port, folder):
    """What testssl.sh finds that is worse than "low"; None when it was not ready in time."""
    report = pathlib.Path(folder) / "testssl.json"
    with subprocess.Popen([program, "--quiet", "--color", "0", "--warnings", "off", "--ip", "one", "--jsonfile", report,
                           *WEAKNESSES, f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, start_new_session=True) as scanner:
        try:
            scanner.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(scanner.pid, signal.SIGKILL)
            return None
    found = json.loads(report.read_text())
    names = {one["id"] for one in found}
    due = ("TLS1_2", "TLS1_3", "heartbleed", "secure_renego")
    wrong = [f"{name} was not tested" for name in due if name not in names]
    return wrong + [f"{one['id']}: {one['severity']} {one['finding']}" for one in found
                    if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL")]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tls_scan.py BUILD")
    if shutil.which("sslscan") is None:
        print("no sslscan (Debian: sslscan)")
        sys.exit(77)
    second = shutil.which("testssl.sh") or shutil.which("testssl")
    wrong, said = [], ["sslscan finds nothing"]
    with serving(sys.argv[1]) as (port, folder):
        wrong += ["sslscan: " + one for one in sslscan(port, folder)]
        if second is not None:
            found = testssl(second, port, folder)
            wrong += ["testssl.sh: " + one for one in found or []]
            said.append("testssl.sh finds nothing" if found is not None else f"testssl.sh took over {PATIENCE} s")
    print("\n".join(wrong or said))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
