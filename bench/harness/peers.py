"""Who is measured: crolua and the servers it is compared with."""

import os
import shutil
import subprocess

from .process import Failed, Server, free_port

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
LUA_MODULE = "usr/lib/nginx/modules/ngx_http_lua_module.so"


class Peer:
    """How to start one server. `missing` says what to do when it cannot be."""

    def __init__(self, name, work):
        self.name, self.work = name, work
        self.missing = None
        self.secure = None  # an SSLContext to talk to it with

    def command(self, port):
        raise NotImplementedError

    def env(self):
        return {}

    def start(self, core):
        port = free_port()
        log = os.path.join(self.work, self.name + ".log")
        return Server(self.name, self.command(port), port, self.env(), core, log, self.secure)


class Configured(Peer):
    """A server with a configuration file, written from a template in peers/."""

    config = None

    def values(self):
        return {}

    def write_config(self, port):
        """The path of the file; what belongs to the server is in a folder beside it."""
        folder = os.path.join(self.work, self.name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(HERE, "peers", self.config), encoding="utf-8") as file:
            text = file.read()
        for key, value in {"DIR": folder, "PORT": str(port), **self.values()}.items():
            text = text.replace(f"@{key}@", value)
        path = os.path.join(folder, os.path.splitext(self.config)[0])
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Crolua(Peer):
    def __init__(self, work, program):
        super().__init__("crolua", work)
        self.program = program
        if not os.access(program, os.X_OK):
            self.missing = f"{program} is not built: make"

    def command(self, port):
        return [self.program, os.path.join(HERE, "app.lua")]


def nginx_program():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Nginx(Configured):
    config = "nginx.conf.in"

    def __init__(self, work, name="nginx"):
        super().__init__(name, work)
        self.program = nginx_program()
        if not self.program:
            self.missing = "nginx is not installed: apt-get install nginx-light"

    def command(self, port):
        path = self.write_config(port)
        folder = os.path.dirname(path)
        return [self.program, "-p", folder, "-c", path, "-e", os.path.join(folder, "error.log")]


class NginxLua(Nginx):
    config = "nginx-lua.conf.in"

    def __init__(self, work, root, fetch):
        super().__init__(work, "nginx-lua")
        self.root = root
        if not self.missing and not self.unpacked() and fetch:
            print(f"unpacking Debian's Lua module for nginx into {root}", flush=True)
            fetcher = os.path.join(HERE, "peers", "fetch")
            subprocess.run([fetcher, root], check=False)
        if not self.missing and not self.unpacked():
            self.missing = f"nginx's Lua module is not in {root}: bench/peers/fetch {root}"

    def unpacked(self):
        return os.path.exists(os.path.join(self.root, LUA_MODULE))

    def values(self):
        return {"ROOT": self.root}

    def env(self):
        folder = os.path.join(self.root, "usr/lib/x86_64-linux-gnu")
        for entry in os.listdir(os.path.join(self.root, "usr/lib")):
            if entry.endswith("-linux-gnu"):
                folder = os.path.join(self.root, "usr/lib", entry)
        return {"LD_LIBRARY_PATH": folder}


class Node(Peer):
    script = "node.js"

    def __init__(self, work):
        super().__init__("node", work)
        self.program = shutil.which("node") or shutil.which("nodejs")
        if not self.program:
            self.missing = "node is not installed: apt-get install nodejs"

    def command(self, port):
        return [self.program, os.path.join(HERE, "peers", self.script)]


def all_peers(work, program, fetch=True):
    root = os.path.join(ROOT, "build", "bench-peers")
    return [Crolua(work, program), Nginx(work), NginxLua(work, root, fetch), Node(work)]


def start_all(peers, core):
    """{ name: Server } of those that can be had; says what is missing."""
    servers, missing = {}, []
    for peer in peers:
        if peer.missing:
            missing.append(peer.missing)
            continue
        server = peer.start(core)
        try:
            server.wait()
            servers[peer.name] = server
        except Failed as problem:
            server.stop()
            missing.append(str(problem))
    return servers, missing
