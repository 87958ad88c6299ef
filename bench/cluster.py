"""A hub in a cluster: what PostgreSQL costs against RocksDB, what a node that passes on costs, and a failover."""

import json
import os
import pathlib
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from postgres import Postgres
from servers import Server, free_port, pinned
from tables import median, ratio, row, say

DEVICES = int(os.environ.get("BENCH_CLUSTER_DEVICES", "100000"))
CONNECTED = int(os.environ.get("BENCH_CLUSTER_CONNECTED", "1000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
IN_FLIGHT = 64
FAILOVER_S_MAX = 120


class Node(Server):
    """`carillon serve --cluster` on an address of its own; the ports are the same on all nodes."""

    def __init__(self, bench, folder, store, number, ports, core):
        self.binary, self.address, self.ports = bench.binary("carillon", "apps/carillon/carillon"), f"127.71.1.{number}", ports
        self.data = pathlib.Path(folder) / f"n{number}"
        self.health_port = free_port(self.address)
        command = [str(self.binary), "serve", "--cluster", "--store", store, "--node", f"n{number}", "--data-dir", str(self.data),
                   "--hostname", "hub.localhost", "--bind", self.address, "--lease", "3",
                   "--health", f"{self.address}:{self.health_port}"]
        for name, port in ports.items():
            command += [f"--{name}-port", str(port)]
        super().__init__(pinned(command, core), pathlib.Path(folder) / f"n{number}.log")

    def health(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}:{self.health_port}/", timeout=1) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            return json.load(refused)
        except OSError:
            return {}

    def is_active(self):
        return self.health().get("role") == "active"

    def passes_on(self):
        return "door" in self.health()

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """PostgreSQL and two nodes: the first serves, the second passes on."""

    def __init__(self, bench, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.folder.parent.chmod(0o755)  # PostgreSQL runs as somebody else.
        self.database = Postgres(self.folder, core=0)
        store = f"host={self.database.folder} dbname=postgres user=bench"
        binary = bench.binary("carillon", "apps/carillon/carillon")
        subprocess.run([str(binary), "cluster", "init", "--store", store], check=True, capture_output=True)
        ports = {name: free_port("127.71.1.1") for name in ("mqtts", "https", "amqps", "link")}
        self.owner = Node(bench, self.folder, store, 1, ports, 0)
        self.owner.wait_until(self.owner.is_active)
        self.door = Node(bench, self.folder, store, 2, ports, 1)
        self.door.wait_until(self.door.passes_on)
        asked = subprocess.run([str(binary), "connection-string", "--data-dir", str(self.owner.data)], check=True,
                               capture_output=True, text=True)
        self.connection_string = asked.stdout.strip()

    def by(self, node):
        """What the load tool connects to; the CPU that it reads is the owner's."""
        return By(node.address, node.ports, self.connection_string, self.owner.pid)

    def answers(self, node):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            urllib.request.urlopen(f"https://{node.address}:{node.ports['https']}/statistics/devices?api-version=2021-04-12",
                                   timeout=FAILOVER_S_MAX, context=context)
            return True
        except urllib.error.HTTPError:
            return True  # An answer of the hub, and if it is a refusal.
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in (self.door, self.owner, self.database):
            server.stop(signal.SIGINT if server is self.database else signal.SIGTERM)


class By:
    def __init__(self, address, ports, connection_string, pid):
        self.address, self.ports, self.connection_string, self.pid = address, ports, connection_string, pid

    def load_flags(self):
        return ["--address", self.address, "--mqtts-port", str(self.ports["mqtts"]), "--https-port", str(self.ports["https"]),
                "--connection-string", self.connection_string]


def through(bench, cluster, node):
    """A run of round trips by one of the nodes, and what the door spent on each."""
    before = cluster.door.cpu_s()
    run = bench.load("roundtrip", cluster.by(node), drive="rest", devices=CONNECTED, in_flight=IN_FLIGHT, seconds=SECONDS)
    trips = run["per_second"] * SECONDS
    return run | {"door_cpu_us_per_trip": 1e6 * (cluster.door.cpu_s() - before) / trips}


def method_job(bench, cluster, percent):
    """Method jobs over devices of which so many are connected to the node that passes on."""
    before = cluster.door.cpu_s()
    options = {"second_percent": percent, "second_address": cluster.door.address} if percent else {}
    run = bench.load("roundtrip", cluster.by(cluster.owner), drive="job", devices=CONNECTED, in_flight=IN_FLIGHT,
                     seconds=SECONDS, **options)
    passed_on = run["per_second"] * SECONDS * percent / 100
    door_us = 1e6 * (cluster.door.cpu_s() - before) / passed_on if passed_on else 0
    return run | {"door_cpu_us_per_trip": door_us}


def first_page(bench, server):
    """A page of a hundred by a column, once that is there."""
    ask = {"statement": "SELECT deviceId FROM devices WHERE tags.bench = 'no such value' OR deviceId > 'load-00100'"}
    bench.load("ask", server, repeats=10, **ask)
    return bench.load("ask", server, repeats=200, **ask)


def handover(cluster):
    """From SIGTERM to the owner until the other node has answered a request, which waits there."""
    began = time.monotonic()
    cluster.owner.process.send_signal(signal.SIGTERM)
    cluster.owner.process.wait()
    while not cluster.answers(cluster.door):
        time.sleep(0.02)
    return time.monotonic() - began


def failover(cluster):
    """From kill -9 of the owner until the other node has answered a request, which waits there."""
    began = time.monotonic()
    cluster.owner.stop(signal.SIGKILL)
    while not cluster.answers(cluster.door):
        if time.monotonic() - began > FAILOVER_S_MAX:
            raise RuntimeError("nobody took over")
        time.sleep(0.02)
    return time.monotonic() - began


def cluster(bench, folder):
    """Twin jobs on PostgreSQL and on RocksDB, methods by the owner and by a node that passes on, failovers."""
    runs = {name: [] for name in ("postgres", "rocksdb", "failover", "handover", "direct", "passed on", "page", "page alone",
                                  "jobs 0", "jobs 50", "jobs 100", "jobs alone")}
    alone = pathlib.Path(folder) / "alone"
    alone.mkdir()
    with bench.hub(alone) as hub:
        bench.load("register", hub, devices=DEVICES)
    for number in range(bench.rounds):
        with Cluster(bench, pathlib.Path(folder) / f"cluster-{number}") as made:
            bench.load("register", made.by(made.owner), devices=DEVICES)
            runs["postgres"].append(bench.load("job", made.by(made.owner), devices=DEVICES, repeats=3, quiet_gets=10))
            with bench.hub(alone) as hub:
                runs["rocksdb"].append(bench.load("job", hub, devices=DEVICES, repeats=3, quiet_gets=10))
                runs["page alone"].append(first_page(bench, hub))
                runs["jobs alone"].append(bench.load("roundtrip", hub, drive="job", devices=CONNECTED, in_flight=IN_FLIGHT,
                                                     seconds=SECONDS))
            runs["page"].append(first_page(bench, made.by(made.door)))
            for percent in (0, 50, 100):
                runs[f"jobs {percent}"].append(method_job(bench, made, percent))
            runs["direct"].append(through(bench, made, made.owner))
            runs["passed on"].append(through(bench, made, made.door))
            end = "failover" if number % 2 == 0 else "handover"
            runs[end].append({"seconds": failover(made) if end == "failover" else handover(made)})
            say(f"  {end}: served again after {runs[end][-1]['seconds']:.2f} s")
    rows = [row(f"twin job over {DEVICES:,} in PostgreSQL, against RocksDB", "devices/s", median(runs["postgres"], "devices_per_second"),
                median(runs["rocksdb"], "devices_per_second"), ratio(runs["postgres"], runs["rocksdb"], "devices_per_second"))]
    for percent in (0, 50, 100):
        jobs = runs[f"jobs {percent}"]
        label = f"method job over {CONNECTED:,}, {percent} % of them at a node that passes on, against RocksDB"
        rows.append(row(f"{label}: outcomes", "1/s", median(jobs, "per_second"), median(runs["jobs alone"], "per_second"),
                        ratio(jobs, runs["jobs alone"], "per_second")))
        rows.append(row(f"{label}: CPU of the owner each", "us", median(jobs, "server_cpu_us_per_trip"),
                        median(runs["jobs alone"], "server_cpu_us_per_trip"),
                        ratio(jobs, runs["jobs alone"], "server_cpu_us_per_trip")))
        if percent:
            rows.append(row(f"{label}: CPU of the door for each that it passes on", "us", median(jobs, "door_cpu_us_per_trip"), None, None))
    rows.append(row("first page of a query, by a node that passes on, against RocksDB: p50", "us", median(runs["page"], "p50_us"),
                    median(runs["page alone"], "p50_us"), ratio(runs["page"], runs["page alone"], "p50_us")))
    passed, direct = runs["passed on"], runs["direct"]
    for key, unit, label in (("per_second", "1/s", "rate"), ("server_cpu_us_per_trip", "us", "CPU of the owner each"),
                             ("p50_us", "us", "p50")):
        rows.append(row(f"methods by REST, all passed on by another node, against direct: {label}", unit,
                        median(passed, key), median(direct, key), ratio(passed, direct, key)))
    rows.append(row("methods by REST: CPU of the door each", "us", median(passed, "door_cpu_us_per_trip"), None, None))
    rows.append(row(f"kill -9 of the owner to an answer, lease 3 s, {DEVICES:,} devices", "s", median(runs["failover"], "seconds"), None, None))
    if runs["handover"]:
        rows.append(row(f"SIGTERM of the owner to an answer of its successor, {DEVICES:,} devices", "s",
                        median(runs["handover"], "seconds"), None, None))
    return rows, runs
