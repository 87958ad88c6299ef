"""Fleets that register by provisioning: a fleet that then connects, against the connects alone, and a large one."""

import os
import re
import subprocess
import tempfile
import time

from fleets import Simulation, login_of
from servers import ADDRESS, pinned
from tables import median, ratio, row, say

DEVICES = int(os.environ.get("BENCH_PROVISIONED", "15000"))
REGISTERED = int(os.environ.get("BENCH_REGISTERED", "100000"))
SCOPE = "0ne00BENCH"
# Of a storm. If all begin at once, a simulator on a busy core completes no handshake in time, and gives up.
AT_ONCE = 1024


def resident_kb(hub):
    with open(f"/proc/{hub.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def provision(hub, devices=DEVICES):
    """Has devices register, each over a connection of its own; gives the seconds it took."""
    done = subprocess.run(pinned([str(hub.binary), "simulate", "--address", ADDRESS, "--port", str(hub.https_port),
                                  "--devices", str(devices), "--provision", SCOPE, "--create", "--create-only"], 1),
                          check=True, capture_output=True, text=True, env={**os.environ, **login_of(hub)})
    return float(re.search(r"in ([\d.]+) s$", done.stderr.strip()).group(1))


def connect(bench, hub, *flags, at_once=256):
    """Has all devices connect, so many at once; gives the seconds until they are."""
    began = time.monotonic()
    with Simulation(bench, hub, hub, "--devices", DEVICES, "--connecting-max", at_once, *flags) as simulation:
        simulation.until_connected(DEVICES)
        return time.monotonic() - began


def provisioning(bench, folder):
    """15,000 devices register over HTTPS, each durable, register again, and connect."""
    os.environ["CARILLON_PROVISIONING__ID_SCOPES"] = SCOPE
    runs = {"first": [], "again": [], "connect": []}
    for _ in range(bench.rounds):
        with tempfile.TemporaryDirectory(dir=folder) as fresh, bench.hub(fresh) as hub:
            before = resident_kb(hub)
            runs["first"].append({"seconds": provision(hub), "kb_each": (resident_kb(hub) - before) / DEVICES})
            runs["connect"].append({"seconds": connect(bench, hub)})
            runs["again"].append({"seconds": provision(hub)})
            say("  " + str({name: run[-1] for name, run in runs.items()}))
    connected = median(runs["connect"], "seconds")
    rows = [row(f"{DEVICES:,} devices {what} by provisioning, against their connects", "s", median(runs[name], "seconds"),
                connected, ratio(runs[name], runs["connect"], "seconds"))
            for name, what in (("first", "register"), ("again", "register again"))]
    rows.append(row("the same: registered first, a second", "1/s",
                    DEVICES / median(runs["first"], "seconds"), DEVICES / connected, None))
    rows.append(row("the same: memory for each", "kB", median(runs["first"], "kb_each"), None, None))
    return rows, runs


def provisioning_storm(bench, folder):
    """15,000 devices of a new fleet register and then connect, 1,024 at once, and do so again, registered already."""
    os.environ["CARILLON_PROVISIONING__ID_SCOPES"] = SCOPE
    runs = {"first": [], "again": [], "connect": []}
    for _ in range(bench.rounds):
        with tempfile.TemporaryDirectory(dir=folder) as fresh, bench.hub(fresh) as hub:
            register = ("--provision", SCOPE, "--create")
            runs["first"].append({"seconds": connect(bench, hub, *register, at_once=AT_ONCE)})
            runs["connect"].append({"seconds": connect(bench, hub, at_once=AT_ONCE)})
            runs["again"].append({"seconds": connect(bench, hub, *register, at_once=AT_ONCE)})
            say("  " + str({name: run[-1] for name, run in runs.items()}))
    connected = median(runs["connect"], "seconds")
    return [row(f"storm of {DEVICES:,} that {what}, then connect, against the connects alone", "s",
                median(runs[name], "seconds"), connected, ratio(runs[name], runs["connect"], "seconds"))
            for name, what in (("first", "register"), ("again", "register again"))], runs


def registrations(bench, folder):
    """100,000 devices of one group register: how many a second, and what each takes in memory and on disk."""
    os.environ["CARILLON_PROVISIONING__ID_SCOPES"] = SCOPE
    runs = {"carillon": []}
    for _ in range(bench.rounds):
        with tempfile.TemporaryDirectory(dir=folder) as fresh, bench.hub(fresh) as hub:
            before = resident_kb(hub)
            seconds = provision(hub, REGISTERED)
            disk = subprocess.run(["du", "-sk", str(hub.data)], check=True, capture_output=True, text=True).stdout
            runs["carillon"].append({"rate": REGISTERED / seconds, "kb_each": (resident_kb(hub) - before) / REGISTERED,
                                     "disk_kb_each": int(disk.split()[0]) / REGISTERED})
            say("  " + str(runs["carillon"][-1]))
    ours = runs["carillon"]
    return [row(f"{REGISTERED:,} devices of a group register", "1/s", median(ours, "rate"), None, None),
            row("the same: memory for each", "kB", median(ours, "kb_each"), None, None),
            row("the same: disk for each", "kB", median(ours, "disk_kb_each"), None, None)], runs
