#!/usr/bin/env python3
"""h1_model.py VERDICT FOLDER... - a second reading of HTTP/1.1 against ours.

The grammar of RFC 9110 and 9112 is read here by regular expressions, written without
looking at the C code. VERDICT (h1_verdict) says what the server understood of each
file of the folders. The server may be stricter, never laxer: a request it answers that
the model calls invalid, or that the model reads otherwise, is a failure.

Prints how many inputs agree, how many the server refuses alone (-v lists them), and
exits 1 when one is a failure.
"""
import pathlib
import re
import subprocess
import sys

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])\r\n")
VISIBLE = rb"[\x21-\x7e\x80-\xff]"
FIELD = re.compile(
    rb"(" + TOKEN + rb"):[ \t]*((?:" + VISIBLE + rb"(?:[ \t]*" + VISIBLE + rb")*)?)[ \t]*\r\n")
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
EXTENSION = rb"[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + QUOTED + rb")?)?"
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:" + EXTENSION + rb")*\r\n")
REG_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
AUTHORITY = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,}\]|" + REG_NAME + rb")(?::([0-9]*))?")
METHODS = set(
    b"GET HEAD POST PUT DELETE PATCH OPTIONS TRACE CONNECT PROPFIND PROPPATCH MKCOL COPY "
    b"MOVE LOCK UNLOCK SEARCH BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE "
    b"NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK UNLINK".split())
NEVER_TRAILERS = set(
    b"content-length transfer-encoding connection keep-alive te trailer upgrade host "
    b"cache-control expect max-forwards pragma range if-match if-none-match "
    b"if-modified-since if-unmodified-since if-range authorization proxy-authorization "
    b"proxy-authenticate www-authenticate cookie set-cookie forwarded x-forwarded-for "
    b"x-forwarded-host x-forwarded-proto content-encoding content-type content-range "
    b"location retry-after vary age date expires".split())
MAX_FIELDS = 100


class Invalid(Exception):
    """The bytes are no request, or not a complete one."""


def need(truth):
    if not truth:
        raise Invalid


def read_fields(data, at):
    """The fields from `at` and the place behind their empty line."""
    fields = []
    while not data.startswith(b"\r\n", at):
        match = FIELD.match(data, at)
        need(match)
        fields.append((match[1], match[2]))
        at = match.end()
    need(len(fields) <= MAX_FIELDS)
    return fields, at + 2


def values(fields, name):
    return [value for key, value in fields if key.lower() == name]


def check_authority(text):
    match = AUTHORITY.fullmatch(text)
    need(match)
    need(not match[1] or (int(match[1]) <= 65535))


def split_path(text):
    path, _, query = text.partition(b"?")
    return path, query


def read_target(method, target, host):
    """path, query, authority (RFC 9112 3.2)."""
    need(b"#" not in target)
    if method == b"CONNECT":
        check_authority(target)
        need(re.search(rb"[^:]:[0-9]+$", target))
        return b"/", b"", target
    if target.startswith(b"/"):
        return split_path(target) + (host,)
    if target == b"*":
        need(method == b"OPTIONS")
        return b"*", b"", host
    match = re.fullmatch(rb"(?i:https?)://([^/?]+)(/[^?]*)?(\?.*)?", target)
    need(match)
    check_authority(match[1])
    path, query = match[2] or b"", match[3] or b""
    if not path:
        path = b"*" if method == b"OPTIONS" and not query[1:] else b"/"
    return path, query[1:], match[1]


def read_chunked(data, at):
    body = b""
    while True:
        match = CHUNK.match(data, at)
        need(match)
        size, at = int(match[1], 16), match.end()
        if size == 0:
            break
        body += data[at:at + size]
        need(data[at + size:at + size + 2] == b"\r\n")
        at += size + 2
    trailers, at = read_fields(data, at)
    return body, [(k, v) for k, v in trailers if k.lower() not in NEVER_TRAILERS], at


def read_body(data, at, fields, minor):
    """body, trailers and the place behind them (RFC 9112 6.3)."""
    lengths, codings = values(fields, b"content-length"), values(fields, b"transfer-encoding")
    if codings:
        need(minor == 1 and not lengths and len(codings) == 1)
        need(codings[0].lower() == b"chunked")
        return read_chunked(data, at)
    if not lengths:
        return b"", [], at
    need(len(lengths) == 1 and re.fullmatch(rb"[0-9]+", lengths[0]))
    length = int(lengths[0])
    need(length < 2**63 and len(data) - at >= length)
    return data[at:at + length], [], at + length


def persists(fields, minor, method):
    options = {option.strip(b" \t").lower()
               for value in values(fields, b"connection") for option in value.split(b",")}
    if b"close" in options or method == b"CONNECT":
        return False
    return minor == 1 or b"keep-alive" in options


def describe(method, where, fields, body, trailers):
    path, query, authority = where
    text = method + b" " + path + (b" ?" + query if query else b"") + b" @" + authority
    for key, value in fields:
        if key.startswith(b"X"):
            text += b" " + key + b"=" + value
    if body:
        text += b" [" + body + b"]"
    for key, value in trailers:
        text += b" " + key + b"=" + value
    return text + b"\n"


def read_request(data, at):
    """One request's description, the place behind it, whether another may follow."""
    for _ in range(2):
        if data.startswith(b"\r\n", at):
            at += 2
    match = LINE.match(data, at)
    need(match)
    method, minor = match[1], int(match[3])
    need(method in METHODS)
    fields, at = read_fields(data, match.end())
    hosts = values(fields, b"host")
    need(len(hosts) == 1 or (not hosts and minor == 0))
    host = hosts[0] if hosts else b""
    check_authority(host)
    where = read_target(method, match[2], host)
    expects = values(fields, b"expect")
    need(minor == 0 or not expects
         or (len(expects) == 1 and expects[0].lower() == b"100-continue"))
    body, trailers, at = read_body(data, at, fields, minor)
    return describe(method, where, fields, body, trailers), at, persists(fields, minor, method)


def model(data):
    """The requests that may be answered, in order."""
    seen, at, more = [], 0, True
    while more and at < len(data):
        try:
            text, at, more = read_request(data, at)
        except Invalid:
            break
        seen.append(text)
    return b"".join(seen)


def main():
    verbose = "-v" in sys.argv
    names = [name for name in sys.argv[1:] if name != "-v"]
    files = [str(path) for folder in names[1:] for path in sorted(pathlib.Path(folder).iterdir())]
    agreed = stricter = failures = 0
    for start in range(0, len(files), 500):
        output = subprocess.run([names[0]] + files[start:start + 500], check=True,
                                stdout=subprocess.PIPE).stdout.decode("latin-1")
        for line in output.splitlines():
            name, end, text = line.split("\t")
            ours = bytes.fromhex(text)
            theirs = model(pathlib.Path(name).read_bytes()[1:])
            if ours == theirs:
                agreed += 1
            elif theirs.startswith(ours):
                stricter += 1
                if verbose:
                    print("stricter:", name, end)
            else:
                failures += 1
                print("FAIL", name, end, "\n  ours ", ours, "\n  model", theirs)
    print(f"{agreed} agree, {stricter} refused by the server alone, {failures} failed")
    return 1 if failures or agreed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
