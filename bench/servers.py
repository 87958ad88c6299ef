"""Servers under load: each starts on a loopback address of its own and stops by its process id."""

import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

READY_S_MAX = 300
STOP_S_MAX = 60
ADDRESS = "127.71.0.1"
PLAIN_ADDRESS = "127.0.0.1"  # the only one on which a hub listens without TLS


def free_port(address=ADDRESS):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def is_pinned():
    """Whether server and load have a core each: the machine has more than one, and nobody said otherwise."""
    return os.cpu_count() >= 2 and os.environ.get("BENCH_PIN", "1") != "0"


def pinned(command, core):
    """`command` on one core, where that is so."""
    if core is None or not is_pinned():
        return command
    return ["taskset", "-c", str(core), *command]


class Server:
    def __init__(self, command, log, env=None):
        self.log = open(log, "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def wait_until(self, is_ready):
        deadline = time.monotonic() + READY_S_MAX
        while not is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at its start, see {self.log.name}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server was not ready within {READY_S_MAX} s, see {self.log.name}")
            time.sleep(0.02)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Hub(Server):
    """`carillon serve` on a data folder; a folder that is empty becomes a new hub.

    `plain` has devices connect without TLS; `under` is a command that runs the hub, such as valgrind; `flags` and
    `env` are more of its settings.
    """

    def __init__(self, binary, folder, core=0, plain=False, under=(), flags=(), env=None):
        self.binary = binary
        self.data = pathlib.Path(folder) / "data"
        ready = pathlib.Path(folder) / "ready"
        ready.unlink(missing_ok=True)
        self.mqtts_port, self.https_port, self.amqps_port = free_port(), free_port(), free_port()
        self.plain_port = free_port(PLAIN_ADDRESS) if plain else 0
        command = [*under, str(binary), "serve", "--data-dir", str(self.data), "--hostname", "hub.localhost",
                   "--bind", ADDRESS, "--insecure-mqtt-port", str(self.plain_port), "--mqtts-port", str(self.mqtts_port), "--https-port", str(self.https_port),
                   "--amqps-port", str(self.amqps_port), "--ready-file", str(ready), *flags]
        began = time.monotonic()
        super().__init__(pinned(command, core), pathlib.Path(folder) / "hub.log", env)
        self.wait_until(ready.exists)
        self.ready_s = time.monotonic() - began
        asked = subprocess.run([str(binary), "connection-string", "--data-dir", str(self.data)],
                               check=True, capture_output=True, text=True)
        self.connection_string = asked.stdout.strip()

    def load_flags(self):
        return ["--address", ADDRESS, "--mqtts-port", str(self.mqtts_port), "--https-port", str(self.https_port),
                "--amqps-port", str(self.amqps_port), "--connection-string", self.connection_string, *plain_flags(self.plain_port)]


def plain_flags(port):
    return ["--plain-mqtt-port", str(port)] if port else []


def server_certificate(data, folder):
    """The hub's own certificate on P-256 and its key, so that both servers sign alike."""
    files = sorted(pathlib.Path(data).rglob("*.pem")) if data else []
    for certificate in files:
        if certificate.name.startswith("ca") or b"BEGIN CERTIFICATE" not in certificate.read_bytes():
            continue
        shown = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-text"],
                               capture_output=True, text=True).stdout
        if "id-ecPublicKey" not in shown:
            continue
        for key in files:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
                return certificate, key
            except (ssl.SSLError, OSError):
                continue
    certificate, key = pathlib.Path(folder) / "server.pem", pathlib.Path(folder) / "server-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", "/CN=hub.localhost", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    return certificate, key


class Mosquitto(Server):
    """A broker that relays and keeps nothing: no persistence, no log, anonymous, over TLS or plain."""

    def __init__(self, folder, data=None, core=0, plain=False, under=()):
        binary = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        if binary is None:
            raise RuntimeError("mosquitto is not installed: tools/setup.sh bench")
        self.mqtts_port = free_port()
        self.plain_port = free_port(PLAIN_ADDRESS) if plain else 0
        if plain:
            listener = [f"listener {self.plain_port} {PLAIN_ADDRESS}"]
        else:
            certificate, key = server_certificate(data, folder)
            listener = [f"listener {self.mqtts_port} {ADDRESS}", f"certfile {certificate}", f"keyfile {key}"]
        config = pathlib.Path(folder) / "mosquitto.conf"
        config.write_text("\n".join([
            *(["user root"] if os.geteuid() == 0 else []),
            *listener,
            "allow_anonymous true", "persistence false", "log_type none", "max_connections -1", ""]))
        super().__init__(pinned([*under, binary, "-c", str(config)], core), pathlib.Path(folder) / "mosquitto.log")
        self.wait_until(self.accepts)

    def accepts(self):
        with socket.socket() as probe:
            port = (PLAIN_ADDRESS, self.plain_port) if self.plain_port else (ADDRESS, self.mqtts_port)
            return probe.connect_ex(port) == 0

    def load_flags(self):
        return ["--address", ADDRESS, "--mqtts-port", str(self.mqtts_port), *plain_flags(self.plain_port)]


class Nginx(Server):
    """A web server that answers every path with one file of so many bytes, over TLS; one process, no log."""

    def __init__(self, folder, body_bytes, data=None, core=0):
        binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if binary is None:
            raise RuntimeError("nginx is not installed: tools/setup.sh bench")
        certificate, key = server_certificate(data, folder)
        self.https_port = free_port()
        home = pathlib.Path(folder) / "nginx"
        home.mkdir(exist_ok=True)
        (home / "twin.json").write_text("{" + " " * (body_bytes - 2) + "}")
        temporary = "".join(f"{kind}_temp_path {home}/{kind}; " for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = home / "nginx.conf"
        config.write_text("\n".join([
            *(["user root;"] if os.geteuid() == 0 else []),
            "daemon off; master_process off; worker_processes 1;", f"pid {home}/pid;", f"error_log {home}/error.log;",
            "events { worker_connections 4096; }",
            "http {", f"  access_log off; {temporary}", "  sendfile on; tcp_nodelay on; open_file_cache max=16;",
            "  types { } default_type application/json;", "  keepalive_timeout 600s; keepalive_requests 1000000000;",
            f"  server {{ listen {ADDRESS}:{self.https_port} ssl;", f"    ssl_certificate {certificate}; ssl_certificate_key {key};",
            f"    root {home};", "    location / { try_files /twin.json =404; } } }", ""]))
        super().__init__(pinned([binary, "-c", str(config)], core), pathlib.Path(folder) / "nginx.log")
        self.wait_until(self.accepts)

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex((ADDRESS, self.https_port)) == 0

    def load_flags(self):
        return ["--address", ADDRESS, "--https-port", str(self.https_port)]
