"""Reads of a twin in the first minute after a start, while the log that a job left is folded."""

import pathlib
import signal
import time

from jobs_in_a_row import used
from tables import median, ratio, row, say
from twin_jobs import DEVICES, TWIN_BYTES

MINUTE_S = 60
QUIET_S = 20
IDLE_S_MAX = 300


def wait_until_idle(pid):
    """Until two seconds pass in which the hub takes hardly any processor time."""
    deadline = time.monotonic() + IDLE_S_MAX
    while time.monotonic() < deadline:
        before, _ = used(pid)
        time.sleep(2)
        if used(pid)[0] - before < 0.05:
            return
    raise RuntimeError(f"the hub is busy {IDLE_S_MAX} s after its start")


def after_restart(bench, folder):
    """Reads of a twin in the minute after a kill -9 behind a twin job, against the same when nothing is folded."""
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES)
    runs = {"first": [], "quiet": [], "cpu_s": []}
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            bench.load("job", hub, devices=DEVICES, repeats=1, quiet_gets=3)
            hub.stop(signal.SIGKILL)
        with bench.hub(folder) as hub:
            began, _ = used(hub.pid)
            runs["first"].append(bench.load("ask", hub, read="load-00007", seconds=MINUTE_S, pause_ms=2))
            runs["cpu_s"].append(used(hub.pid)[0] - began)
            wait_until_idle(hub.pid)
            runs["quiet"].append(bench.load("ask", hub, read="load-00007", seconds=QUIET_S, pause_ms=2))
        for log in pathlib.Path(folder).glob("*.log"):
            log.unlink()
    rows = [row(f"GET of a twin in the first {MINUTE_S} s after a restart: {name}, against quiet", "us",
                median(runs["first"], f"{name}_us"), median(runs["quiet"], f"{name}_us"),
                ratio(runs["first"], runs["quiet"], f"{name}_us")) for name in ("p50", "p99")]
    rows.append(row("the same: CPU of the hub in that time", "s", sorted(runs["cpu_s"])[len(runs["cpu_s"]) // 2], None, None))
    return rows, runs
