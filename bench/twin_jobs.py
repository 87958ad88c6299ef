"""Twin jobs over a large registered fleet: rate, memory, and what others notice meanwhile."""

import json
import os
import pathlib
import shutil
import statistics
import signal
import subprocess

from postgres import Postgres
from servers import pinned
from tables import median, ratio, row, say, watched

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
CONNECTED = int(os.environ.get("BENCH_CONNECTED", "15000"))
TWIN_BYTES = 900


def baseline(bench, folder, name, rounds):
    """RocksDB writing whole documents in synced batches, alone and reading them first."""
    scratch = pathlib.Path(folder) / name
    command = [str(bench.binary("bench/carillon_rewrite")), "rewrite", "--folder", str(scratch), "--devices",
               str(DEVICES), "--twin-bytes", str(TWIN_BYTES), "--repeats", str(rounds)]
    done = subprocess.run(pinned(command, 0), check=True, capture_output=True, text=True)
    say("  " + done.stdout.strip())
    shutil.rmtree(scratch)
    return json.loads(done.stdout)


def twin_job(bench, folder):
    """Twin jobs over a million devices, ordered and shuffled, none connected and some."""
    runs = {"ordered": [], "shuffled": [], "connected": [], "rewrite": [], "postgres": []}
    folders = {}
    for order in ("ordered", "shuffled"):
        folders[order] = pathlib.Path(folder) / order
        folders[order].mkdir()
        with bench.hub(folders[order]) as hub:
            say(f"  registering {DEVICES} devices, {order}")
            registered = bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES,
                                    shuffled=int(order == "shuffled"))
    with Postgres(folder) as database:
        say(f"  filling PostgreSQL with {DEVICES} documents")
        database.fill(DEVICES, TWIN_BYTES)
        for number in range(bench.rounds):
            for order in ("ordered", "shuffled"):
                with bench.hub(folders[order]) as hub:
                    runs[order].append(bench.load("job", hub, devices=DEVICES, repeats=3))
            with bench.hub(folders["ordered"]) as hub:
                runs["connected"].append(bench.load("job", hub, devices=DEVICES, repeats=3, connected=CONNECTED))
            runs["rewrite"].append(baseline(bench, folder, f"rewrite-{number}", 1))
            runs["postgres"].append({"devices_per_second": database.run_job(number + 1)})
            say(f"  postgres {runs['postgres'][-1]}")
    name = f"twin job over {DEVICES:,}"
    rows = [row(f"registering {DEVICES:,} with a twin of {TWIN_BYTES} B", "1/s", registered["per_second"], None, None)]
    ours = runs["ordered"]
    rows.append(row(f"{name}, against PostgreSQL updating them", "devices/s", median(ours, "devices_per_second"),
                    median(runs["postgres"], "devices_per_second"), ratio(ours, runs["postgres"], "devices_per_second")))
    for key, label in (("rewrite_per_second", "RocksDB writing whole documents"),
                       ("read_and_rewrite_per_second", "RocksDB reading and writing them")):
        theirs = [run[key] for run in runs["rewrite"]]
        rates = [run["devices_per_second"] for run in ours]
        rows.append(row(f"{name}, against {label}", "devices/s", statistics.median(rates), statistics.median(theirs),
                        statistics.median(a / b for a, b in zip(rates, theirs))))
    rows.append(row(f"{name}, registered in any order, against in order", "devices/s",
                    median(runs["shuffled"], "devices_per_second"), median(ours, "devices_per_second"),
                    ratio(runs["shuffled"], ours, "devices_per_second")))
    rows.append(row(f"{name}, {CONNECTED:,} connected and told, against none", "devices/s",
                    median(runs["connected"], "devices_per_second"), median(ours, "devices_per_second"),
                    ratio(runs["connected"], ours, "devices_per_second")))
    rows.append(row("the same: all are told after", "s", median(runs["connected"], "all_told_after_s"), None, None))
    rows.append(row(f"{name}: memory that a job adds, per device", "B", median(ours, "grown_bytes_per_device"), None, None))
    rows.append(watched("GET of the job", "get", ours))
    return rows, runs


def restart(bench, folder):
    """From a kill right behind a twin job until all listeners accept again."""
    runs = {}
    for devices in (DEVICES // 10, DEVICES):
        runs[devices] = []
        home = pathlib.Path(folder) / str(devices)
        home.mkdir()
        with bench.hub(home, core=None) as hub:  # so that it has as many shards as there are cores
            bench.load("register", hub, devices=devices, twin_bytes=TWIN_BYTES)
        for _ in range(bench.rounds):
            with bench.hub(home) as hub:
                bench.load("job", hub, devices=devices, repeats=1, quiet_gets=10)
                hub.stop(signal.SIGKILL)
            with bench.hub(home, core=None) as hub:
                runs[devices].append({"ready_s": hub.ready_s})
                say(f"  ready again after {hub.ready_s:.2f} s")
    rows = [row(f"ready again after a kill, {devices:,} devices of {TWIN_BYTES} B", "s",
                median(found, "ready_s"), None, None) for devices, found in runs.items()]
    return rows, runs
