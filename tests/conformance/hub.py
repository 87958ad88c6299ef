"""A real hub for the scripts, and its REST interface as far as they need it."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse

READY_S = 60  # Only ends a run in which something hangs, as do all waits here.
STOP_S = 30
MQTTS_PORT = 28883
HTTPS_PORT = 28443
AMQPS_PORT = 28671
HOST = "hub.localhost"
API = "api-version=2021-04-12"


def sign(resource, key, expiry, name=None):
    """A SAS token; `resource` is written as it is to stand in the token."""
    digest = hmac.new(base64.b64decode(key), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(digest), safe="")
    suffix = "" if name is None else f"&skn={urllib.parse.quote(name, safe='')}"
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}{suffix}"


class Hub:
    amqps_port = AMQPS_PORT

    def __init__(self, binary, directory, address, patience):
        self.patience = patience
        self.binary = str(pathlib.Path(binary).resolve())
        self.directory, self.address = pathlib.Path(directory), address
        self.process, self.policies, self.keys = None, {}, {}

    def __enter__(self):
        ready = self.directory / "ready"
        self.log = open(self.directory / "log", "ab")
        data = str(self.directory / "data")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data-dir", data, "--bind", self.address, "--mqtts-port", str(MQTTS_PORT),
             "--https-port", str(HTTPS_PORT), "--amqps-port", str(AMQPS_PORT), "--ready-file", str(ready)],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + READY_S
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the hub did not start\n{self.log_tail()}")
            time.sleep(0.05)
        for policy in ("iothubowner", "service", "device", "registryRead", "registryReadWrite"):
            text = subprocess.run([self.binary, "connection-string", "--data-dir", data, "--policy", policy],
                                  check=True, capture_output=True, text=True).stdout
            self.policies[policy] = dict(pair.split("=", 1) for pair in text.strip().split(";"))["SharedAccessKey"]
        self.tls = ssl.create_default_context(cafile=self.directory / "data" / "ca.pem")
        self.tls.check_hostname = False
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise SystemExit("the hub did not stop when asked to") from None
        self.log.close()

    def is_running(self):
        return self.process.poll() is None

    def log_tail(self):
        return (self.directory / "log").read_text(errors="replace")[-4000:]

    def connect(self, port=MQTTS_PORT):
        plain = socket.create_connection((self.address, port), timeout=self.patience)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(plain, server_hostname=HOST)

    def rest(self, method, path, body=None, headers=()):
        """Status and parsed body of one request by the hub's owner."""
        token = sign(HOST, self.policies["iothubowner"], int(time.time()) + 3600, "iothubowner")
        connection = http.client.HTTPSConnection(self.address, HTTPS_PORT, context=self.tls, timeout=90)
        try:
            text = None if body is None else json.dumps(body, separators=(",", ":"))
            connection.request(method, path + ("&" if "?" in path else "?") + API, text,
                               {"Authorization": token, "Content-Type": "application/json", **dict(headers)})
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
        finally:
            connection.close()

    def key(self, identity):
        """The primary key of a device or `device/module`, which is registered if it is new."""
        if identity not in self.keys:
            device, _, module = identity.partition("/")
            if module:
                self.key(device)
            path = "/devices/" + urllib.parse.quote(device, safe="")
            body = {"deviceId": device}
            if module:
                path += "/modules/" + urllib.parse.quote(module, safe="")
                body["moduleId"] = module
            status, answer = self.rest("PUT", path, body)
            if status != 200:
                raise SystemExit(f"could not register {identity}: {status} {answer}")
            self.keys[identity] = answer["authentication"]["symmetricKey"]["primaryKey"]
        return self.keys[identity]

    def update(self, identity, change):
        """Changes members of a registered device."""
        path = "/devices/" + urllib.parse.quote(identity, safe="")
        status, body = self.rest("GET", path)
        if status == 200:
            status, body = self.rest("PUT", path, {**body, **change}, {"If-Match": "*"})
        if status != 200:
            raise SystemExit(f"could not change {identity}: {status} {body}")

    def remove(self, identity):
        path = "/devices/" + urllib.parse.quote(identity, safe="")
        self.rest("DELETE", path, headers={"If-Match": "*"})
        self.keys.pop(identity, None)
