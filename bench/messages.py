"""Messages, in both directions: telemetry over MQTT and AMQP, the read-out of a backlog, cloud-to-device messages,
what idle AMQP devices take, and who is held up by an endpoint or a reader that does not move."""

import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

from fleets import Jobs, Simulation, create_devices, login_of, wait_until
from servers import ADDRESS, Mosquitto, Server, free_port, is_pinned, pinned, server_certificate
from tables import median, ratio, row, say

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
DEVICES = int(os.environ.get("BENCH_TALKERS", "10000"))
CONNECTIONS = int(os.environ.get("BENCH_AMQP_CONNECTIONS", "5000"))
GATEWAYS = int(os.environ.get("BENCH_GATEWAYS", "10"))
BACKLOG = int(os.environ.get("BENCH_BACKLOG", "5000000"))
RECEIVERS = int(os.environ.get("BENCH_RECEIVERS", "15000"))
BODY_BYTES = 200
ROOT = pathlib.Path(__file__).resolve().parent


def per_message(runs, base, name, what):
    """Rows for rate, processor time and p99 of runs beside their baseline, if there is one."""
    made = []
    for key, label, unit in (("per_second", "acknowledged", "1/s"), ("server_cpu_us_per_trip", "server CPU each", "us"),
                             ("p99_us", "p99", "us")):
        made.append(row(f"{name}: {label}", unit, median(runs, key), median(base, key) if base else None,
                        ratio(runs, base, key) if base else None))
    if not base:
        say(f"  no baseline of {name}: {what}")
    return made


def telemetry(bench, folder):
    """Messages of 200 B at QoS 1 from 10,000 devices, acknowledged after the disk; mosquitto writes nothing."""
    runs = {"carillon": [], "mosquitto": []}
    options = {"devices": DEVICES, "bytes": BODY_BYTES, "seconds": SECONDS}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=DEVICES)
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            runs["carillon"].append(bench.load("telemetry", hub, **options))
        with Mosquitto(folder, hub.data) as broker:
            runs["mosquitto"].append(bench.load("telemetry", broker, **options))
    return per_message(runs["carillon"], runs["mosquitto"], f"telemetry at QoS 1, {DEVICES} devices", ""), runs


def rabbitmq():
    """Debian's script in /usr/sbin changes to a user who may not read our folders; the one that it calls does not."""
    return shutil.which("rabbitmq-server", path="/usr/lib/rabbitmq/bin")


class RabbitMq(Server):
    """RabbitMQ with its AMQP 1.0 plugin and one queue, a stream or a quorum queue, over TLS, in a folder of its own."""

    def __init__(self, folder, data, kind, core=0):
        binary = rabbitmq()
        if binary is None:
            raise RuntimeError("rabbitmq-server is not installed: tools/setup.sh bench")
        home = pathlib.Path(folder) / f"rabbitmq-{kind}"
        home.mkdir(exist_ok=True)
        self.amqps_port, tcp = free_port(), free_port("127.0.0.1")
        self.names_port = free_port("127.0.0.1")
        certificate, key = server_certificate(data, folder)
        (home / "plugins").write_text("[rabbitmq_amqp1_0].\n")
        (home / "definitions.json").write_text(json.dumps({
            "users": [{"name": "guest", "password": "guest", "tags": "administrator"}],
            "vhosts": [{"name": "/"}],
            "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
            "queues": [{"name": "bench", "vhost": "/", "durable": True, "auto_delete": False,
                        "arguments": {"x-queue-type": kind}}]}))
        (home / "rabbitmq.conf").write_text("\n".join([
            "listeners.tcp = none", f"listeners.ssl.1 = {ADDRESS}:{self.amqps_port}", f"ssl_options.certfile = {certificate}",
            f"ssl_options.keyfile = {key}", f"ssl_options.cacertfile = {pathlib.Path(data) / 'ca.pem'}",
            "ssl_options.verify = verify_none", "loopback_users = none", "amqp1_0.default_user = guest",
            f"load_definitions = {home / 'definitions.json'}", "log.console = true", "log.console.level = warning",
            f"num_acceptors.ssl = 10", ""]))
        environment = {**os.environ, "HOME": str(home), "RABBITMQ_MNESIA_BASE": str(home), "RABBITMQ_LOG_BASE": str(home),
                       "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
                       "RABBITMQ_NODENAME": f"bench{tcp}@localhost", "RABBITMQ_DIST_PORT": str(tcp),
                       "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self.names_port), "RABBITMQ_PID_FILE": str(home / "pid")}
        command = pinned(["env", *[f"{name}={environment[name]}" for name in environment if name.startswith(("RABBITMQ", "HOME", "ERL"))],
                          binary], core)
        super().__init__(command, home / "server.log")
        self.wait_until(self.accepts)
        time.sleep(3)  # The queue elects its leader.

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex((ADDRESS, self.amqps_port)) == 0

    @property
    def pid(self):
        """Of the Erlang machine below the shell that starts it."""
        found, asked = self.process.pid, [self.process.pid]
        while asked:
            parent = asked.pop()
            children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(parent)], capture_output=True, text=True).stdout
            for line in children.splitlines():
                child, name = line.split(None, 1)
                asked.append(int(child))
                if name.startswith("beam"):
                    found = int(child)
        return found

    def stop(self, *_):
        beam = self.pid
        super().stop()
        try:
            os.kill(beam, 9)
        except ProcessLookupError:
            pass
        # The register of names that Erlang has started beside it, on a port of its own.
        subprocess.run(["epmd", "-port", str(self.names_port), "-kill"], capture_output=True)

    def load_flags(self):
        return ["--address", ADDRESS, "--amqps-port", str(self.amqps_port)]


def amqp_telemetry(bench, folder):
    """The same over AMQP: 5,000 connections of one device each, and 10,000 devices behind 10 connections."""
    shapes = {f"{CONNECTIONS} connections": (CONNECTIONS, CONNECTIONS), f"{DEVICES} devices over {GATEWAYS}": (DEVICES, GATEWAYS)}
    rows, runs = [], {}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=max(DEVICES, CONNECTIONS))
    for name, (devices, connections) in shapes.items():
        options = {"devices": devices, "connections": connections, "bytes": BODY_BYTES, "seconds": SECONDS}
        kinds = ("stream", "quorum") if rabbitmq() else ()
        ours, base = [], {kind: [] for kind in kinds}
        for _ in range(bench.rounds):
            with bench.hub(folder) as hub:
                ours.append(bench.load("amqp", hub, **options))
            for kind in list(base):
                try:
                    with RabbitMq(folder, hub.data, kind) as broker:
                        base[kind].append(bench.load("amqp", broker, queue="bench", **options))
                except RuntimeError as trouble:
                    say(f"  RabbitMQ, {kind}: {trouble}")
                    del base[kind]
        runs[name] = {"carillon": ours, **base}
        for kind, against in (base or {"none": None}).items():
            rows += per_message(ours, against, f"AMQP telemetry, {name}" + (f", RabbitMQ {kind}" if against else ""),
                                "rabbitmq-server is not installed, or did not take part")
    return rows, runs


def readout(bench, folder):
    """Four readers over AMQP take a cold backlog of 5,000,000 messages of 200 B, from the disk."""
    tool = str(bench.binary("bench/carillon_readout"))
    runs = {"carillon": [], "scan": []}
    with bench.hub(folder) as hub:
        store = hub.data / "store"
    certificate, key = server_certificate(hub.data, folder)
    common = ["--store", str(store), "--messages", str(BACKLOG), "--bytes", str(BODY_BYTES)]
    subprocess.run([tool, "fill", *common], check=True, capture_output=True)
    # The other end of the scan's sockets is where the hub's readers are.
    beside = ["--drain-core", "2"] if is_pinned() else []
    for _ in range(bench.rounds):
        drop_caches()
        with bench.hub(folder) as hub:
            runs["carillon"].append(bench.load("read", hub, readers=4, messages=BACKLOG // 4 * 4))
        drop_caches()
        taken = runs["carillon"][-1]
        each = round(taken["bytes_per_second"] / taken["per_second"])
        done = subprocess.run(pinned([tool, "scan", *common, "--certificate", str(certificate), "--key", str(key),
                                      "--wire-bytes", str(each), *beside], 0),
                              check=True, capture_output=True, text=True)
        say("  " + done.stdout.strip())
        runs["scan"].append(json.loads(done.stdout))
    return [row(f"read-out of {BACKLOG} cold messages by four readers", "1/s", median(runs["carillon"], "per_second"),
                median(runs["scan"], "per_second"), ratio(runs["carillon"], runs["scan"], "per_second")),
            row("the same: CPU of the hub each", "us", median(runs["carillon"], "server_cpu_us_per_message"), None, None)], runs


def drop_caches():
    """What is on disk comes from there, where that may be asked for."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        say("  the page cache could not be dropped: the backlog is not cold")


def c2d(bench, folder):
    """Durable cloud-to-device messages by REST to 15,000 connected devices, which complete each."""
    runs = {"c2d": []}
    with bench.hub(folder) as hub:
        # The sender's names are the receivers'.
        create_devices(hub, RECEIVERS, prefix="sim-")
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub, Simulation(bench, hub, hub, "--devices", RECEIVERS, "--receive-settle", "complete",
                                                  "--connecting-max", 256) as simulation:
            simulation.until_connected(RECEIVERS)
            run = bench.load("requests", hub, kind="c2d", devices=RECEIVERS, prefix="sim-", in_flight=256, seconds=SECONDS)
            sent = run["succeeded"]
            began = time.monotonic()
            simulation.until(lambda now: now["cloudToDeviceMessages"] >= sent, f"{sent} messages to arrive")
            run["behind_s"] = time.monotonic() - began
            runs["c2d"].append(run)
    return [row(f"cloud-to-device messages to {RECEIVERS} devices: durable", "1/s", median(runs["c2d"], "per_second"), None, None),
            row("the same: CPU of the hub each, delivery included", "us", median(runs["c2d"], "server_cpu_us_per_trip"), None, None),
            row("the same: all delivered after the last was sent", "s", median(runs["c2d"], "behind_s"), None, None)], runs


def amqp_idle(bench, folder):
    """Memory of an idle AMQP device on a connection of its own, and of one of 1,000 behind a connection."""
    each, behind = min(CONNECTIONS, 5000), 1000
    runs = {"own": [], "shared": []}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=max(each, 10 * behind))
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            runs["own"].append(bench.load("amqp", hub, devices=each, connections=each, idle=1))
        with bench.hub(folder) as hub:
            runs["shared"].append(bench.load("amqp", hub, devices=10 * behind, connections=10, idle=1))
    return [row(f"idle AMQP device, {name}: {label}", "B", median(runs[kind], key), None, None)
            for kind, name in (("own", "own connection"), ("shared", "one of 1,000 behind a connection"))
            for key, label in (("user_bytes_per_device", "user memory"), ("resident_bytes_per_device", "resident"))], runs


def sync_us(folder):
    """What a bare write and sync of as many bytes take on this disk, by percentile: the hub cannot do with less."""
    path = pathlib.Path(folder) / "synced"
    took = []
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(1000):
            began = time.perf_counter()
            os.write(file, bytes(2 * BODY_BYTES))
            os.fdatasync(file)
            took.append((time.perf_counter() - began) * 1e6)
    finally:
        os.close(file)
        path.unlink()
    took.sort()
    return {"p50_us": took[len(took) // 2], "p99_us": took[len(took) * 99 // 100]}


def event_latency(bench, folder):
    """From a device's publish at QoS 1 to a reader over AMQP, one at a time; mosquitto relays at QoS 1."""
    script = ROOT / "messages_latency.mjs"
    subprocess.run([str(ROOT.parent / "tests/lib/npm.sh"), str(ROOT.parent / "tests/sdk/ga")], check=True, capture_output=True)
    runs = {"carillon": [], "mosquitto": [], "sync": []}

    def measure(*arguments):
        done = subprocess.run(pinned(["node", str(script), *map(str, arguments)], 1), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{script.name}: {done.stderr.strip()}")
        say("  " + done.stdout.strip())
        return json.loads(done.stdout)

    with bench.hub(folder) as hub:
        create_devices(hub, 1, prefix="latency-")
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            runs["carillon"].append(measure("hub", ADDRESS, hub.mqtts_port, hub.amqps_port, hub.connection_string, "latency-000000",
                                            SECONDS))
        with Mosquitto(folder, hub.data) as broker:
            runs["mosquitto"].append(measure("broker", ADDRESS, broker.mqtts_port, 0, "", "latency-000000", SECONDS))
        runs["sync"].append(sync_us(folder))
    return [row(f"a write and a sync on the same disk: {key.removesuffix('_us')}", "us", median(runs["sync"], key), None, None)
            for key in ("p50_us", "p99_us")] + [row(f"device to reader, alone: {key.removesuffix('_us')}", "us", median(runs["carillon"], key),
                median(runs["mosquitto"], key), ratio(runs["carillon"], runs["mosquitto"], key)) for key in ("p50_us", "p99_us")], runs


class HangingWebhook:
    """Takes each request and never answers it."""

    def __enter__(self):
        self.over = threading.Event()
        over = self.over

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                over.wait()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ADDRESS, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = f"http://{ADDRESS}:{self.server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()


def held_up(bench, folder):
    """p99 of telemetry at QoS 1 while a webhook hangs and a reader stops reading, against the same without."""
    runs = {"quiet": [], "beside": []}
    talkers = min(DEVICES, 1000)
    options = {"devices": talkers, "bytes": BODY_BYTES, "seconds": SECONDS}
    with HangingWebhook() as hook:
        os.environ["CARILLON_STORAGE__HOSTS"] = hook.origin
        try:
            with bench.hub(folder) as hub:
                bench.load("register", hub, devices=talkers)
            for _ in range(bench.rounds):
                with bench.hub(folder) as hub:
                    runs["quiet"].append(bench.load("telemetry", hub, **options))
                    api = Jobs(hub)
                    api.call("PUT", "/carillon/endpoints/hanging", {"type": "webhook", "url": hook.origin + "/in"})
                    api.call("PUT", "/carillon/routes/all", {"endpointNames": ["hanging"]})
                    # A reader of everything that takes nothing: the hub cuts it after some seconds, so it comes again.
                    stalled = subprocess.Popen(pinned(["sh", "-c", f"while :; do {hub.binary} events watch --from earliest --address {ADDRESS} --port {hub.https_port} "
                                                "-o json 2>/dev/null | sleep 60; done"], 1), env={**os.environ, **login_of(hub)}, start_new_session=True)
                    try:
                        runs["beside"].append(bench.load("telemetry", hub, **options))
                        fares = api.call("GET", "/carillon/endpoints/hanging")["status"]
                        runs["beside"][-1]["endpoint"] = fares
                        if fares["delivered"] or not fares["eventsBehind"]:
                            raise RuntimeError(f"the endpoint did not hang: {fares}")
                    finally:
                        os.killpg(stalled.pid, 9)
                        stalled.wait()
                    api.call("DELETE", "/carillon/routes/all")
                    api.call("DELETE", "/carillon/endpoints/hanging")
        finally:
            del os.environ["CARILLON_STORAGE__HOSTS"]
    return [row(f"telemetry beside a webhook that hangs and a reader that stands still: {label}", unit, median(runs["beside"], key),
                median(runs["quiet"], key), ratio(runs["beside"], runs["quiet"], key))
            for key, label, unit in (("p99_us", "p99, against quiet", "us"), ("per_second", "rate, against quiet", "1/s"))], runs


MESSAGES = {"telemetry": telemetry, "amqp-telemetry": amqp_telemetry, "readout": readout, "c2d": c2d, "amqp-idle": amqp_idle,
            "event-latency": event_latency, "held-up": held_up}
