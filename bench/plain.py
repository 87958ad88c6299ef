"""What a round trip costs a server in system calls and instructions, without TLS: counts, which a noisy
machine changes little."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from servers import Mosquitto, pinned
from tables import row, say

DEVICES = 1000
IN_FLIGHT = 64
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
MARGIN_S = 2  # on both sides of what is counted, so that it lies within what the load measures
LOOK_MS = 50  # looks at the job are no part of a round trip, and under valgrind there is time for many


def counted(bench, server, drive, begin, end):
    """Round trips while something is counted between `begin()` and `end()`."""
    tool = [str(bench.binary("bench/carillon_load")), "roundtrip", *server.load_flags(), "--server-pid", str(server.pid),
            "--drive", drive, "--devices", str(DEVICES), "--in-flight", str(IN_FLIGHT), "--look-ms", str(LOOK_MS),
            "--seconds", str(SECONDS + 2 * MARGIN_S)]
    load = subprocess.Popen(pinned(tool, 1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if not load.stderr.readline().startswith("measuring"):
        raise RuntimeError(f"the load did not come to measure: {load.communicate()[1]}")
    time.sleep(MARGIN_S)
    began = time.monotonic()
    begin()
    time.sleep(SECONDS)
    end()
    took = time.monotonic() - began
    out, problem = load.communicate()
    if load.returncode != 0:
        raise RuntimeError(f"roundtrip: {problem}")
    say("  " + out.strip())
    return json.loads(out)["per_second"] * took


def system_calls(bench, server, drive):
    counter = None

    def begin():
        nonlocal counter
        counter = subprocess.Popen(["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", str(server.pid)],
                                   stderr=subprocess.PIPE, text=True)

    def end():
        counter.send_signal(signal.SIGINT)  # at which it prints
        counter.wait()

    trips = counted(bench, server, drive, begin, end)
    count = counter.stderr.read().split(",")[0].strip()
    return int(count) / trips if count.isdigit() else None


def instructions(bench, start, folder, drive):
    totals = pathlib.Path(folder) / f"callgrind.{drive}"
    under = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={totals}"]

    def switch(how):
        subprocess.run(["callgrind_control", "-i", how, str(server.pid)], check=True, capture_output=True)

    with start(under) as server:
        trips = counted(bench, server, drive, lambda: switch("on"), lambda: switch("off"))
    return int(re.search(r"^totals: (\d+)", totals.read_text(), re.M)[1]) / trips


def plain(bench, folder):
    """System calls and user instructions of a method round trip over plain TCP."""
    for tool in ("perf", "valgrind"):
        if not shutil.which(tool):
            raise RuntimeError(f"{tool} is not installed: tools/setup.sh bench")
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=DEVICES)
    servers = {"job": lambda under: bench.hub(folder, plain=True, under=under),
               "relay": lambda under: Mosquitto(folder, plain=True, under=under)}
    found = {}
    for drive, start in servers.items():
        with start(()) as server:
            calls = system_calls(bench, server, drive)
        found[drive] = {"system_calls": calls, "instructions": instructions(bench, start, folder, drive)}
        say(f"  {drive}: {found[drive]}")
    rows = []
    for name in ("system_calls", "instructions"):
        ours, theirs = found["job"][name], found["relay"][name]
        rows.append(row(f"a method's round trip, plain TCP, by a job: {name.replace('_', ' ')}", "each", ours, theirs,
                        ours / theirs if ours is not None and theirs else None))
    return rows, found
