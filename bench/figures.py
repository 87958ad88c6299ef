#!/usr/bin/env python3
"""Measures what bench/README.md lists, each figure beside its baseline in the same run.

usage: figures.py BUILD_DIR [NAME...]      names: those of bench/README.md

BENCH_ROUNDS (3) pairs of runs A B A B ...; BENCH_SECONDS (8) each; BENCH_PIN=0 leaves the cores to the
system, otherwise the server has core 0 and the load core 1. Results: BUILD_DIR/bench/NAME.json, and a
table on standard output. Nothing is asserted about time.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from after_restart import after_restart
from cluster import cluster
from configurations import configurations
from jobs_in_a_row import jobs_in_a_row
from lanes import lanes
from messages import MESSAGES
from method_job import method_job
from operating import metrics_cost, scrape, soak
from pages import pages
from plain import plain
from provisioning import provisioning, provisioning_storm, registrations
from queries import queries
from rest import rest
from rollouts import rollouts
from servers import Hub, Mosquitto, pinned
from storm import storm
from tables import median, ratio, row, say, table
from twin_jobs import restart, twin_job
from wide_job import wide_job

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
METHOD_DEVICES = 1000
IDLE_DEVICES = int(os.environ.get("BENCH_IDLE_DEVICES", "10000"))
CLIENT_DEVICES = int(os.environ.get("BENCH_CLIENTS", "10000"))
IN_FLIGHT = 64


class Bench:
    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.results = self.build / "bench"
        self.results.mkdir(parents=True, exist_ok=True)
        self.rounds = ROUNDS

    def binary(self, *names):
        for name in names:
            if (self.build / name).exists():
                return self.build / name
        raise RuntimeError(f"{self.build} holds no {names[-1]}; build it first")

    def hub(self, folder, **options):
        return Hub(self.binary("carillon", "apps/carillon/carillon"), folder, **options)

    def load(self, mode, server, tool="bench/carillon_load", **options):
        tool = [str(self.binary(tool)), mode, *server.load_flags()]
        if mode != "register":
            tool += ["--server-pid", str(server.pid)]
        for name, value in options.items():
            tool += ["--" + name.replace("_", "-"), str(value)]
        done = subprocess.run(pinned(tool, 1), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{mode}: {done.stderr.strip()}")
        say("  " + done.stdout.strip())
        return json.loads(done.stdout)


def methods(bench, folder):
    """Direct-method round trips over TLS: the hub's own against a broker relaying the two messages."""
    runs = {"relay": [], "job": [], "rest": []}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=METHOD_DEVICES)
    for _ in range(ROUNDS):
        with bench.hub(folder) as hub:
            for drive in ("job", "rest"):
                runs[drive].append(bench.load("roundtrip", hub, drive=drive, devices=METHOD_DEVICES,
                                              in_flight=IN_FLIGHT, seconds=SECONDS))
        with Mosquitto(folder, hub.data) as broker:
            runs["relay"].append(bench.load("roundtrip", broker, drive="relay", devices=METHOD_DEVICES,
                                            in_flight=IN_FLIGHT, seconds=SECONDS))
    rows = []
    for drive, name in (("job", "by a job, durable"), ("rest", "by REST calls")):
        for key, unit, label in (("per_second", "1/s", "rate"), ("server_cpu_us_per_trip", "us", "server CPU each")):
            rows.append(row(f"direct methods {name}: {label}", unit, median(runs[drive], key),
                            median(runs["relay"], key), ratio(runs[drive], runs["relay"], key)))
    rows.append(row("direct methods by REST calls: p99", "us", median(runs["rest"], "p99_us"),
                    median(runs["relay"], "p99_us"), ratio(runs["rest"], runs["relay"], "p99_us")))
    return rows, runs


def idle(bench, folder):
    """Memory of an idle TLS device that subscribed to its methods."""
    runs = {"carillon": [], "mosquitto": []}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=IDLE_DEVICES)
    for _ in range(max(1, ROUNDS - 1)):
        with bench.hub(folder) as hub:
            runs["carillon"].append(bench.load("idle", hub, devices=IDLE_DEVICES))
        with Mosquitto(folder, hub.data) as broker:
            runs["mosquitto"].append(bench.load("idle", broker, devices=IDLE_DEVICES))
    rows = [row(f"{label} per idle device of {IDLE_DEVICES}", "B", median(runs["carillon"], key),
                median(runs["mosquitto"], key), ratio(runs["carillon"], runs["mosquitto"], key))
            for key, label in (("resident_bytes_per_device", "resident memory"),
                               ("user_bytes_per_device", "user memory"))]
    return rows, runs


def connect(bench, folder):
    """TLS handshake, CONNECT and SUBSCRIBE; the hub also checks a token."""
    runs = {"carillon": [], "mosquitto": []}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=500)
    for _ in range(ROUNDS):
        with bench.hub(folder) as hub:
            runs["carillon"].append(bench.load("connect", hub, devices=500, seconds=SECONDS))
        with Mosquitto(folder, hub.data) as broker:
            runs["mosquitto"].append(bench.load("connect", broker, devices=500, seconds=SECONDS))
    rows = [row(f"connects: {label}", unit, median(runs["carillon"], key), median(runs["mosquitto"], key),
                ratio(runs["carillon"], runs["mosquitto"], key))
            for key, label, unit in (("per_second", "rate", "1/s"),
                                     ("server_cpu_us_per_connect", "server CPU each", "us"))]
    return rows, runs


def latency(bench, folder):
    """One direct method at a time, nothing else going on: by REST against a controller on the broker."""
    runs = {"rest": [], "relay": []}
    options = {"devices": METHOD_DEVICES, "in_flight": 1, "seconds": SECONDS}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=METHOD_DEVICES)
    for _ in range(ROUNDS):
        with bench.hub(folder) as hub:
            runs["rest"].append(bench.load("roundtrip", hub, drive="rest", **options))
        with Mosquitto(folder, hub.data) as broker:
            runs["relay"].append(bench.load("roundtrip", broker, drive="relay", **options))
    return [row(f"direct method, alone: {key.removesuffix('_us')}", "us", median(runs["rest"], key),
                median(runs["relay"], key), ratio(runs["rest"], runs["relay"], key))
            for key in ("p50_us", "p99_us")], runs


def clients(bench, folder):
    """Device clients of ours in one process: memory of an idle one, and telemetry that all get stored."""
    runs = {"client": [], "bare": []}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=CLIENT_DEVICES)
    for _ in range(max(1, ROUNDS - 1)):
        for kind, options in (("client", {"seconds": SECONDS}), ("bare", {})):
            with bench.hub(folder) as hub:
                runs[kind].append(bench.load(kind, hub, tool="bench/carillon_clients", devices=CLIENT_DEVICES,
                                             ca=hub.data / "ca.pem", **options))
    rows = [row(f"device client, idle, one of {CLIENT_DEVICES} in a process: user memory", "B",
                median(runs["client"], "user_bytes_per_device"), median(runs["bare"], "user_bytes_per_device"),
                ratio(runs["client"], runs["bare"], "user_bytes_per_device"))]
    rows += [row(f"telemetry of {CLIENT_DEVICES} device clients: {label}", unit, median(runs["client"], key), None, None)
             for key, label, unit in (("messages_per_second", "stored", "1/s"),
                                      ("client_cpu_us_per_message", "CPU of the clients each", "us"),
                                      ("server_cpu_us_per_message", "CPU of the hub each", "us"))]
    return rows, runs


FIGURES = {"methods": methods, "rest": rest, "idle": idle, "connect": connect, "clients": clients,
           "method-job": method_job, "twin-job": twin_job, "lanes": lanes, "latency": latency, "queries": queries,
           "plain": plain, "wide-job": wide_job, "storm": storm, "restart": restart, "configurations": configurations,
           "provisioning": provisioning, "provisioning-storm": provisioning_storm, "registrations": registrations,
           "pages": pages, "rollouts": rollouts, "jobs-in-a-row": jobs_in_a_row, "after-restart": after_restart,
           "cluster": cluster, "metrics-cost": metrics_cost, "scrape": scrape, "soak": soak, **MESSAGES}
# An hour by itself, so only where it is named.
NAMED_ONLY = {"soak"}


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    bench = Bench(arguments[0])
    names = arguments[1:] or [name for name in FIGURES if name not in NAMED_ONLY]
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        say(f"no figure is called {', '.join(unknown)}; there are {', '.join(FIGURES)}")
        return 2
    rows, failed = [], []
    for name in names:
        say(f"{name}: {FIGURES[name].__doc__}")
        # Beside the results, not in memory: commits must reach a disk.
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=bench.results) as folder:
            try:
                figure_rows, runs = FIGURES[name](bench, folder)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                for log in pathlib.Path(folder).glob("*.log"):
                    shutil.copy(log, bench.results / f"{name}-{log.name}")
                say(f"  not measured: {error}")
                failed.append(name)
                continue
        (bench.results / f"{name}.json").write_text(json.dumps({"rows": figure_rows, "runs": runs}, indent=1) + "\n")
        rows += figure_rows
    if rows:
        print(table(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
