"""Jobs with a rollout beside plain ones: what each brake costs, undo, confirmations, plans, memory."""

import json
import os
import pathlib
import threading
import time

from fleets import Jobs, Simulation, create_devices, wait_until
from jobs_in_a_row import used
from tables import median, ratio, row, say
from twin_jobs import DEVICES, TWIN_BYTES

CONNECTED = int(os.environ.get("BENCH_CONNECTED", "15000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
PLAN_S_MAX = 600
SETTLE_S = 2
MEMORY_REST_S = 15  # in which the allocator gives back what only evaluating and sorting took
# No rate and no wave holds anything up: what is measured is the gate, not the brake.
TWIN_KINDS = {
    "rollout {}": {},
    "rollout {} without undo": {"undo": False},
    "paced": {"pace": {"rate": "9999999/s"}},
    "in three waves as stored": {"order": "asStored", "waves": [{"size": "1%"}, {"size": "9%"}, {"size": "rest"}]},
    "in three waves by chance": {"waves": [{"size": "1%"}, {"size": "9%"}, {"size": "rest"}]},
    "with a stop rule": {"stop": [{"failed": "5%"}]},
}
METHOD_KINDS = {
    "rollout {}": {},
    "paced": {"pace": {"rate": "9999999/s", "maxInFlight": 100_000}},
    "in three waves as stored": {"order": "asStored", "waves": [{"size": "1%"}, {"size": "9%"}, {"size": "rest"}]},
    "with retries": {"retry": {"attempts": 3}},
}


def register(bench, hub, **options):
    say(f"  registering {DEVICES} devices")
    bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES, **options)


def twin_rates(bench, folder, runs):
    """Plain, and each kind behind a plain one of its own: A B A C A D."""
    for _ in range(bench.rounds):
        for name, rollout in TWIN_KINDS.items():
            # A hub of its own for each pair, so that the first of them never meets what the last left.
            with bench.hub(folder) as hub:
                # The first job of a hub adds members to twins and takes memory that others use again.
                bench.load("job", hub, devices=DEVICES, repeats=1, quiet_gets=3)
                runs[f"twin, before {name}"].append(bench.load("job", hub, devices=DEVICES, repeats=1, quiet_gets=3))
                runs[f"twin, {name}"].append(bench.load("job", hub, devices=DEVICES, repeats=1, quiet_gets=3,
                                                        rollout=json.dumps(rollout)))
    return [row(f"twin job over {DEVICES:,}, {name}, against plain", "devices/s",
                median(runs[f"twin, {name}"], "devices_per_second"), median(runs[f"twin, before {name}"], "devices_per_second"),
                ratio(runs[f"twin, {name}"], runs[f"twin, before {name}"], "devices_per_second")) for name in TWIN_KINDS]


def method_rates(bench, folder, runs):
    options = {"drive": "job", "devices": CONNECTED, "seconds": SECONDS}
    for _ in range(bench.rounds):
        for name, rollout in METHOD_KINDS.items():
            with bench.hub(folder) as hub:
                runs[f"method, before {name}"].append(bench.load("roundtrip", hub, **options))
            with bench.hub(folder) as hub:
                runs[f"method, {name}"].append(bench.load("roundtrip", hub, rollout=json.dumps(rollout), **options))
    rows = []
    for name in METHOD_KINDS:
        pair = runs[f"method, {name}"], runs[f"method, before {name}"]
        rows += [row(f"method jobs over {CONNECTED:,}, {name}, against plain: {label}", unit, median(pair[0], key),
                     median(pair[1], key), ratio(*pair, key))
                 for key, unit, label in (("per_second", "1/s", "outcomes"), ("server_cpu_us_per_trip", "us", "CPU each"))]
    return rows


def write(jobs, desired, rollout=None, seconds=600):
    """A twin job over everything; gives its id."""
    order = {"type": "scheduleUpdateTwin", "updateTwin": {"etag": "*", "properties": {"desired": desired}}}
    return jobs.start({**order, **({} if rollout is None else {"rollout": rollout})}, "*", seconds)


def take_back(jobs, job):
    """Undoes a job; gives devices a second, and how many were restored and not."""
    began = time.monotonic()
    undo = f"{job}-back"
    jobs.call("PUT", f"/jobs/v2/{undo}", {"type": "scheduleUpdateTwin", "updateTwin": {"etag": "*"},
                                          "rollout": {"undoOf": job}})
    ended = jobs.until_ended(undo)
    seconds = time.monotonic() - began
    return {"devices_per_second": DEVICES / seconds, "succeeded": ended["succeeded"], "failed": ended["failed"]}


def undo(bench, folder, runs):
    """Of equal old values, and of values that each device has for itself."""
    for number in range(bench.rounds):
        with bench.hub(folder) as hub:
            jobs = Jobs(hub)
            for kind, desired in (("equal", {"interval": 1000 + number}), ("distinct", {"serial": f"new-{number}"})):
                began = time.monotonic()
                written = write(jobs, desired, {})
                jobs.until_ended(written)
                runs[f"undo, written {kind}"].append({"devices_per_second": DEVICES / (time.monotonic() - began)})
                time.sleep(SETTLE_S)
                runs[f"undo, {kind}"].append(take_back(jobs, written))
                say(f"  undo, {kind}: {runs[f'undo, {kind}'][-1]}")
                time.sleep(SETTLE_S)
    return [row(f"undo of {DEVICES:,}, {kind} old values, against the job that wrote", "devices/s",
                median(runs[f"undo, {kind}"], "devices_per_second"), median(runs[f"undo, written {kind}"], "devices_per_second"),
                ratio(runs[f"undo, {kind}"], runs[f"undo, written {kind}"], "devices_per_second"))
            for kind in ("equal", "distinct")]


def confirm(bench, folder, runs):
    """Twins of all devices are written, and those connected report the value: until the last is counted."""
    with bench.hub(folder) as hub:
        create_devices(hub, CONNECTED, "seen-")
    for number in range(bench.rounds):
        with bench.hub(folder) as hub, Simulation(bench, hub, hub, "--devices", CONNECTED, "--prefix", "seen-",
                                                  "--follow", "0ms", "--connecting-max", 256) as fleet:
            fleet.until_connected(CONNECTED)
            jobs = Jobs(hub)
            for kind, rollout in (("plain", None), ("confirm", {"confirm": {"by": "reported"}, "offline": {"then": "write"}})):
                before = fleet.latest["follows"]["right"]
                cpu, _ = used(hub.pid)
                began = time.monotonic()
                job = write(jobs, {"round": f"{kind}-{number}"}, rollout)
                if rollout is None:
                    jobs.until_ended(job)
                    written = time.monotonic() - began
                    fleet.until(lambda now, at=before + CONNECTED: now["follows"]["right"] >= at, "all devices to report")
                else:
                    jobs.until(job, lambda now: now["succeeded"] >= CONNECTED, "all devices to have confirmed")
                    written = None
                runs[f"confirm, {kind}"].append({"seconds": time.monotonic() - began, "written_s": written,
                                                 "cpu_s": used(hub.pid)[0] - cpu})
                say(f"  {kind}: {runs[f'confirm, {kind}'][-1]}")
                if rollout is not None:
                    jobs.call("POST", f"/jobs/v2/{job}/cancel")
                    jobs.until_ended(job)
                time.sleep(SETTLE_S)
    what = f"twin job over {DEVICES:,}, {CONNECTED:,} connected that report: confirm, until all are counted, against plain until all have reported"
    return [row(what, "s", median(runs["confirm, confirm"], "seconds"), median(runs["confirm, plain"], "seconds"),
                ratio(runs["confirm, confirm"], runs["confirm, plain"], "seconds")),
            row("the same: CPU of the hub", "s", median(runs["confirm, confirm"], "cpu_s"), median(runs["confirm, plain"], "cpu_s"),
                ratio(runs["confirm, confirm"], runs["confirm, plain"], "cpu_s"))]


def plan(bench, folder, runs):
    """A plan over everything, with a twin read each 2 ms beside it, and the same reads alone."""
    document = {"type": "scheduleUpdateTwin", "queryCondition": "*", "rollout": {},
                "updateTwin": {"etag": "*", "properties": {"desired": {"interval": 77}}}}
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            time.sleep(SETTLE_S)
            runs["plan, quiet"].append(bench.load("ask", hub, read="load-00007", seconds=SECONDS, pause_ms=2))
            beside = {}
            reads = threading.Thread(target=lambda at=hub: beside.update(
                bench.load("ask", at, read="load-00007", seconds=SECONDS, pause_ms=2)))
            reads.start()
            jobs = Jobs(hub)
            seconds = []
            while reads.is_alive():
                began = time.monotonic()
                made = jobs.call("POST", "/carillon/plans", document)
                wait_until(lambda made=made: jobs.call("GET", f"/carillon/plans/{made['id']}").get("hash"), "the plan", PLAN_S_MAX)
                seconds.append(time.monotonic() - began)
                jobs.call("DELETE", f"/carillon/plans/{made['id']}")
            reads.join()
            if not beside:
                raise RuntimeError("the reads beside plans failed")
            runs["plan, beside"].append(beside)
            runs["plan"].append({"seconds": sorted(seconds)[len(seconds) // 2], "plans": len(seconds)})
            say(f"  {len(seconds)} plans, {runs['plan'][-1]['seconds']:.2f} s")
    return [row(f"plan over {DEVICES:,}", "s", median(runs["plan"], "seconds"), None, None),
            *[row(f"GET of a twin: {name} beside plans, against quiet", "us", median(runs["plan, beside"], f"{name}_us"),
                  median(runs["plan, quiet"], f"{name}_us"), ratio(runs["plan, beside"], runs["plan, quiet"], f"{name}_us"))
              for name in ("p50", "p99")]]


WAITING = {  # jobs whose devices all wait, as nobody is connected
    "plain": None,
    "rollout {}": {},
    "order random": {"order": "random"},
    "waves": {"waves": [{"size": "1%"}, {"size": "rest"}]},
    "time to live": {"offline": {"then": "wait", "ttl": "1h"}},
    "windows": {"windows": {"zone": "tags.tz", "fallback": "Etc/UTC", "open": [{"from": "00:00", "for": "24h"}]}},
    "confirm, written": {"confirm": {"by": "reported", "within": "1h"}, "offline": {"then": "write"}},
}


def memory(bench, folder, runs):
    """Anonymous memory that a job adds while each of its devices waits, in a hub of its own for each kind."""
    def resident(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))
    rows = []
    for name, rollout in WAITING.items():
        with bench.hub(folder) as hub:
            jobs = Jobs(hub)
            # What evaluating, writing and logging take and keep for the next, a job of the same size has taken before.
            if name.startswith("confirm"):
                jobs.until_ended(write(jobs, {"interval": 87}))
                order = {"type": "scheduleUpdateTwin", "updateTwin": {"etag": "*", "properties": {"desired": {"interval": 88}}}}
            else:
                first = jobs.start_method("*")
                jobs.until(first, lambda now: now["status"] == "running", "the devices to be found")
                jobs.call("POST", f"/jobs/v2/{first}/cancel")
                jobs.until_ended(first)
                order = {"type": "scheduleDeviceMethod", "cloudToDeviceMethod": {
                    "methodName": "wait", "payload": None, "responseTimeoutInSeconds": 30}}
            time.sleep(MEMORY_REST_S)
            before = resident(hub.pid)
            waiting = jobs.start({**order, **({} if rollout is None else {"rollout": rollout})}, "*", 3600)
            jobs.until(waiting, lambda now: now["status"] == "running" and now.get("pending", 0) + now.get("running", 0) >= DEVICES,
                       "all devices to wait")
            time.sleep(MEMORY_REST_S)
            grown = (resident(hub.pid) - before) / DEVICES
            runs["memory"].append({"kind": name, "bytes_per_device": grown})
            say(f"  {name}: {grown:.1f} B a device")
            rows.append(row(f"memory of a job whose {DEVICES:,} devices wait, {name}, each", "B", grown,
                            runs["memory"][0]["bytes_per_device"], None))
            jobs.call("POST", f"/jobs/v2/{waiting}/cancel")
            jobs.until_ended(waiting)
    return rows


def subfolder(folder, name):
    made = pathlib.Path(folder) / name
    made.mkdir()
    return made


PARTS = {"twins": twin_rates, "undo": undo, "plan": plan, "memory": memory, "confirm": confirm}


def rollouts(bench, folder):
    """Jobs with rollouts over a large fleet beside plain ones; undo; plans beside reads; memory; confirmations; methods."""
    wanted = [name for name in os.environ.get("BENCH_ROLLOUTS", "").split(",") if name] or [*PARTS, "methods"]
    runs = Runs()
    rows = []
    if any(name in PARTS for name in wanted):
        home = subfolder(folder, "fleet")
        with bench.hub(home) as hub:
            register(bench, hub, serials=1)
        for name, measure in PARTS.items():
            if name in wanted:
                rows += measure(bench, home, runs)
    if "methods" in wanted:
        home = subfolder(folder, "connected")
        with bench.hub(home) as hub:
            bench.load("register", hub, devices=CONNECTED)
        rows += method_rates(bench, home, runs)
    return rows, runs


class Runs(dict):
    """Lists that are there when the first run is added."""

    def __missing__(self, name):
        self[name] = []
        return self[name]
