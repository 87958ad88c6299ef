"""Fleets of `carillon simulate` under a figure, and the hub's jobs by REST."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse

from servers import ADDRESS, pinned

WAIT_S_MAX = 300
STOP_S_MAX = 60


def wait_until(holds, what, seconds=WAIT_S_MAX, pause=0.05):
    """Looks until `holds()` gives something true, and gives that; no figure depends on the limit."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(pause)


class Simulation:
    """`carillon simulate` on a core of its own, with its latest statistics at hand."""

    def __init__(self, bench, hub, server, *flags, core=1):
        """Devices of `hub` that connect to `server`, the hub itself or a broker in its place."""
        command = [str(hub.binary), "simulate", "-o", "ndjson", "--interval", "50ms", "--address", ADDRESS,
                   "--port", str(hub.https_port), "--mqtts-port", str(server.mqtts_port), *map(str, flags)]
        self.latest = {}
        self.log = open(bench.results / "simulate.log", "ab")
        self.process = subprocess.Popen(pinned(command, core), stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env={**os.environ, **login_of(hub)})
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.latest = json.loads(line)

    def until(self, holds, what):
        """Waits until the statistics satisfy `holds`, and gives them."""
        def look():
            if self.process.poll() is not None:
                raise RuntimeError(f"the simulator ended, see {self.log.name}")
            latest = self.latest
            return latest if latest and holds(latest) else None
        return wait_until(look, lambda: f"{what}: {self.latest}", pause=0.005)

    def until_connected(self, devices):
        return self.until(lambda now: now["connected"] == devices, f"{devices} devices to connect")

    def cut(self):
        self.process.send_signal(signal.SIGUSR1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.log.close()


def login_of(hub):
    return {"CARILLON_LOGIN": hub.connection_string, "CARILLON_CA": str(hub.data / "ca.pem")}


def create_devices(hub, devices, prefix="sim-"):
    """Registers a fleet; gives the seconds it took."""
    began = time.monotonic()
    subprocess.run([str(hub.binary), "simulate", "--address", ADDRESS, "--port", str(hub.https_port), "--devices",
                    str(devices), "--prefix", prefix, "--create-only"],
                   check=True, capture_output=True, env={**os.environ, **login_of(hub)})
    return time.monotonic() - began


class Jobs:
    """The hub's jobs, over one kept connection."""

    def __init__(self, hub):
        parts = dict(pair.split("=", 1) for pair in hub.connection_string.split(";"))
        context = ssl.create_default_context(cafile=str(hub.data / "ca.pem"))
        context.check_hostname = False  # the address stands for the hub's name
        self.connection = http.client.HTTPSConnection(ADDRESS, hub.https_port, context=context, timeout=WAIT_S_MAX)
        expires = int(time.time()) + 24 * 3600
        resource = urllib.parse.quote(parts["HostName"], safe="")
        digest = hmac.new(base64.b64decode(parts["SharedAccessKey"]), f"{resource}\n{expires}".encode(), hashlib.sha256)
        signature = urllib.parse.quote(base64.b64encode(digest.digest()), safe="")
        self.token = (f"SharedAccessSignature sr={resource}&sig={signature}&se={expires}"
                      f"&skn={parts['SharedAccessKeyName']}")
        self.count = 0

    def call(self, method, path, body=None, if_match=None):
        headers = {"Authorization": self.token, "Content-Type": "application/json"}
        if if_match:
            headers["If-Match"] = if_match
        self.connection.request(method, f"{path}?api-version=2021-04-12", body and json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if text else None

    def start(self, order, condition, seconds):
        """Creates a job; gives its id."""
        self.count += 1
        job = f"bench-{time.time_ns()}-{self.count}"
        self.call("PUT", f"/jobs/v2/{job}", {"jobId": job, "queryCondition": condition,
                                             "maxExecutionTimeInSeconds": seconds, **order})
        return job

    def start_method(self, condition="*", seconds=600, response_s=30):
        return self.start({"type": "scheduleDeviceMethod", "cloudToDeviceMethod": {
            "methodName": "lockDoor", "payload": {"floor": 2}, "responseTimeoutInSeconds": response_s}}, condition, seconds)

    def start_twin(self, condition="*", seconds=600):
        return self.start({"type": "scheduleUpdateTwin", "updateTwin": {
            "etag": "*", "properties": {"desired": {"round": time.time_ns() % 1_000_000}}}}, condition, seconds)

    def look(self, job):
        """`status` and the counts of a job."""
        found = self.call("GET", f"/jobs/v2/{job}")
        counts = {name.removesuffix("Count"): value
                  for name, value in (found.get("deviceJobStatistics") or {}).items()}
        return {"status": found["status"], "succeeded": 0, "failed": 0, **counts}

    def until(self, job, holds, what, pause=0.01):
        def look():
            now = self.look(job)
            return now if holds(now) else None
        return wait_until(look, lambda: f"{what}: {self.look(job)}", pause=pause)

    def until_ended(self, job):
        return self.until(job, lambda now: now["status"] in ("completed", "failed", "cancelled"), f"job {job} to end")

    def failures(self, job, most=1000):
        """Reasons of failure with how often each was, of the first `most`."""
        rows = self.call("POST", "/devices/query", {
            "query": f"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{job}' AND devices.jobs.status = 'failed'"})
        reasons = {}
        for entry in rows[:most]:
            code = (entry.get("error") or {}).get("code", "none")
            reasons[code] = reasons.get(code, 0) + 1
        return reasons
