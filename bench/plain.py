"""What a round trip costs a server in system calls and instructions, without TLS: counts, which a noisy
machine changes little."""

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
MARGIN_S = 10  # in which counting begins and ends
LOOK_MS = 50  # looks at the job are no part of a round trip, and under valgrind there is time for many


class Trips:
    """The load while something is counted: how many round trips there were by when."""

    def __init__(self, bench, server, drive):
        tool = [str(bench.binary("bench/carillon_load")), "roundtrip", *server.load_flags(), "--server-pid", str(server.pid),
                "--drive", drive, "--devices", str(DEVICES), "--in-flight", str(IN_FLIGHT), "--look-ms", str(LOOK_MS),
                "--seconds", str(SECONDS + MARGIN_S)]
        self.load = subprocess.Popen(pinned(tool, 1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first = self.load.stderr.readline()
        if not self.is_told(self.first):
            raise RuntimeError(f"the load did not come to measure: {self.first}{self.load.communicate()[1]}")

    @staticmethod
    def is_told(line):
        return re.fullmatch(r"\d+\.\d+ \d+\n", line) is not None

    def between(self, began, ended):
        """Round trips between two moments, read when the load has ended."""
        out, told = self.load.communicate()
        if self.load.returncode != 0:
            raise RuntimeError(f"roundtrip: {told.splitlines()[-1]}")
        say("  " + out.strip())
        points = [(float(line.split()[0]), int(line.split()[1]))
                  for line in [self.first, *told.splitlines(True)] if self.is_told(line)]

        def at(moment):
            after = next(i for i, (when, _) in enumerate(points) if when >= moment)
            (a, trips_a), (b, trips_b) = points[after - 1], points[after]
            return trips_a + (trips_b - trips_a) * (moment - a) / (b - a)
        return at(ended) - at(began)


def system_calls(bench, server, drive):
    trips = Trips(bench, server, drive)
    counter = subprocess.Popen(["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", str(server.pid)],
                               stderr=subprocess.PIPE, text=True)
    began = time.monotonic()
    time.sleep(SECONDS)
    ended = time.monotonic()
    counter.send_signal(signal.SIGINT)  # at which it prints
    counter.wait()
    count = counter.stderr.read().split(",")[0].strip()
    trips = trips.between(began, ended)
    return int(count) / trips if count.isdigit() else None


def instructions(bench, start, folder, drive):
    """User instructions a round trip. What a program does under valgrind is slower by far once it counts, so nothing of
    the time before is taken for it."""
    totals = pathlib.Path(folder) / f"callgrind.{drive}"
    under = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={totals}"]
    with start(under) as server:
        def control(*what):
            subprocess.run(["callgrind_control", *what, str(server.pid)], check=True, capture_output=True)
            return time.monotonic()
        trips = Trips(bench, server, drive)
        control("-i", "on")
        began = control("-z")
        time.sleep(SECONDS)
        ended = control("-d")
        control("-i", "off")
        count = trips.between(began, ended)
    dumped = pathlib.Path(f"{totals}.1").read_text()
    return int(re.search(r"^totals: (\d+)", dumped, re.M)[1]) / count


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
