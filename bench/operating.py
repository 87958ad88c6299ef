"""What it costs that a hub is watched: metrics, the audit log, a scrape at a million devices; and an hour of it."""

import http.client
import json
import os
import pathlib
import shutil
import statistics
import threading
import time

from fleets import Jobs, Simulation, create_devices
from jobs_in_a_row import used
from servers import free_port
from tables import median, ratio, row, say

CONNECTED = int(os.environ.get("BENCH_CONNECTED", "15000"))
FLEET = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
TWIN_BYTES = 900
IN_FLIGHT = 64
SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
SOAK_DEVICES = int(os.environ.get("SOAK_DEVICES", "5000"))
LOOK_S = 10
WITHOUT = {"CARILLON_AUDIT__ENTRIES_MAX": "0"}


def page_of(port):
    """A page of metrics, and the seconds that it took to come."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.monotonic()
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    seconds = time.monotonic() - began
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"/metrics answers {answer.status}")
    return text, seconds


class Scraper:
    """Takes a page every `every` seconds while it is used; `seconds` are what each took."""

    def __init__(self, port, every=1.0):
        self.port, self.every, self.seconds = port, every, []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ends.wait(self.every):
            self.seconds.append(page_of(self.port)[1])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()


def watched_hub(bench, folder):
    port = free_port("127.0.0.1")
    return bench.hub(folder, flags=["--admin-port", str(port)]), port


def metrics_cost(bench, folder):
    """Method jobs and twin jobs with metrics (a scrape a second) and the audit log, and without both."""
    loads = {"method": ("roundtrip", CONNECTED, {}, {"drive": "job", "in_flight": IN_FLIGHT, "seconds": SECONDS}),
             "twin": ("job", FLEET, {"twin_bytes": TWIN_BYTES}, {"repeats": 1, "quiet_gets": 3})}
    runs = {kind: {"with": [], "without": [], "again": []} for kind in loads}
    for kind, (mode, devices, shape, options) in loads.items():
        homes = {case: pathlib.Path(folder) / kind / case for case in runs[kind]}
        homes["with"].mkdir(parents=True)
        with bench.hub(homes["with"]) as hub:
            say(f"  registering {devices} devices")
            bench.load("register", hub, devices=devices, **shape)
        # Hubs on the same bytes, which do the same number of jobs: a store that has seen more jobs is another one. What
        # the two without differ by is the machine's.
        for case in ("without", "again"):
            shutil.copytree(homes["with"], homes[case])
        watched, port = watched_hub(bench, homes["with"])
        with watched, bench.hub(homes["without"], env=WITHOUT) as bare, bench.hub(homes["again"], env=WITHOUT) as again:
            # The first of each makes columns and takes memory that the others use again, and is not counted.
            for number in range(bench.rounds + 1):
                order = ("with", "without", "again")
                for case in order[number % 3:] + order[:number % 3]:
                    if case != "with":
                        hub = bare if case == "without" else again
                        runs[kind][case].append(bench.load(mode, hub, devices=devices, **options))
                        continue
                    with Scraper(port):
                        runs[kind][case].append(bench.load(mode, watched, devices=devices, **options))
        runs[kind] = {case: done[1:] for case, done in runs[kind].items()}
        shutil.rmtree(pathlib.Path(folder) / kind)
    rows = []
    for kind, key, unit, name in (("method", "server_cpu_us_per_trip", "us", f"method jobs over {CONNECTED:,}: server CPU each"),
                                  ("method", "per_second", "1/s", f"method jobs over {CONNECTED:,}: outcomes"),
                                  ("twin", "server_cpu_us_per_device", "us", f"twin job over {FLEET:,}: server CPU each"),
                                  ("twin", "devices_per_second", "devices/s", f"twin job over {FLEET:,}")):
        rows.append(row(f"{name}, with metrics and audit, against without", unit, median(runs[kind]["with"], key),
                        median(runs[kind]["without"], key), ratio(runs[kind]["with"], runs[kind]["without"], key)))
        rows.append(row("the same, without against without: what the machine adds", unit, median(runs[kind]["again"], key),
                        median(runs[kind]["without"], key), ratio(runs[kind]["again"], runs[kind]["without"], key)))
    return rows, runs


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def scrape(bench, folder):
    """A page of metrics of a hub with a million devices, and what methods by REST notice of one a second."""
    with bench.hub(folder) as hub:
        say(f"  registering {FLEET} devices")
        bench.load("register", hub, devices=FLEET, twin_bytes=TWIN_BYTES)
    shape = {"drive": "rest", "devices": 1000, "in_flight": 1, "seconds": SECONDS}
    runs = {"with": [], "without": [], "again": [], "pages": []}
    hub, port = watched_hub(bench, folder)
    with hub:
        text, _ = page_of(port)
        bytes_of_page = len(text)
        bench.load("roundtrip", hub, **shape)  # Not counted: it makes what the others use again.
        for _ in range(bench.rounds):
            runs["pages"].append([page_of(port)[1] for _ in range(200)])
            # A page a second lies between two runs without; what these two differ by is the machine's.
            runs["without"].append(bench.load("roundtrip", hub, **shape))
            with Scraper(port):
                runs["with"].append(bench.load("roundtrip", hub, **shape))
            runs["again"].append(bench.load("roundtrip", hub, **shape))
    seconds = [one for pages in runs["pages"] for one in pages]
    between = [{"p99_us": (a["p99_us"] + b["p99_us"]) / 2} for a, b in zip(runs["without"], runs["again"])]
    rows = [row(f"a page of metrics ({bytes_of_page:,} bytes) at {FLEET:,} devices: median, as the client sees it", "ms",
                statistics.median(seconds) * 1e3, None, None),
            row("the same: p99", "ms", percentile(seconds, 0.99) * 1e3, None, None),
            row("a method by REST, alone, with a page a second, against without: p99", "us", median(runs["with"], "p99_us"),
                median(between, "p99_us"), ratio(runs["with"], between, "p99_us")),
            row("the same, without and without again: what the machine adds", "us", median(runs["again"], "p99_us"),
                median(runs["without"], "p99_us"), ratio(runs["again"], runs["without"], "p99_us"))]
    return rows, runs


def value_of(text, name):
    """The sum of a family's samples."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + " ", name + "{")))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def trip_s(hub, device):
    """Seconds of a read of a twin by REST over a connection that is kept by the caller."""
    began = time.monotonic()
    hub.call("GET", f"/twins/{device}")
    return time.monotonic() - began


def soak(bench, folder):
    """SOAK_MINUTES (60) of telemetry, reported properties, twin jobs and method jobs at half of what the hub's core
    can do: memory, descriptors and p99 of reads, the last third against the first after the first tenth."""
    hub, port = watched_hub(bench, folder)
    looks = []
    with hub:
        say(f"  registering {SOAK_DEVICES} devices")
        create_devices(hub, SOAK_DEVICES)
        jobs, reads = Jobs(hub), Jobs(hub)
        interval, share = 2.0, 0.0
        # What half of a core carries is found first; then nothing is changed any more.
        while True:
            with Simulation(bench, hub, hub, "--devices", SOAK_DEVICES, "--telemetry-every", f"{interval:.3f}s",
                            "--reported-every", "60s") as fleet:
                fleet.until_connected(SOAK_DEVICES)
                time.sleep(5)
                before, began = used(hub.pid)[0], time.monotonic()
                time.sleep(10)
                share = (used(hub.pid)[0] - before) / (time.monotonic() - began)
            say(f"  a message of each device every {interval:.2f} s takes {share:.2f} of a core")
            if 0.35 <= share <= 0.6 or (share < 0.35 and interval < 0.05):
                break
            interval = interval * share / 0.45
        with Simulation(bench, hub, hub, "--devices", SOAK_DEVICES, "--telemetry-every", f"{interval:.3f}s",
                        "--reported-every", "60s") as fleet:
            fleet.until_connected(SOAK_DEVICES)
            end = time.monotonic() + SOAK_MINUTES * 60
            number, next_job = 0, time.monotonic()
            before, began = used(hub.pid)[0], time.monotonic()
            while time.monotonic() < end:
                if time.monotonic() >= next_job:
                    body = {"type": "scheduleUpdateTwin", "updateTwin": {"etag": "*", "tags": {"soak": number}}}
                    if number % 2:
                        body = {"type": "scheduleDeviceMethod",
                                "cloudToDeviceMethod": {"methodName": "ping", "payload": {}, "responseTimeoutInSeconds": 30}}
                    jobs.call("PUT", f"/jobs/v2/soak-{number}", {**body, "jobId": f"soak-{number}", "queryCondition": "*",
                                                                 "maxExecutionTimeInSeconds": 300})
                    number, next_job = number + 1, next_job + 60
                times = [trip_s(reads, f"sim-{n % SOAK_DEVICES:06d}") for n in range(200)]
                text, page_s = page_of(port)
                cpu, resident = used(hub.pid)
                now = time.monotonic()
                # The store's cache fills up to its limit for hours, whatever else happens.
                cache = sum(value_of(text, f'carillon_store_memory_bytes{{part="{part}"}}') for part in ("block_cache", "write_buffers"))
                looks.append({"at_s": now - end + SOAK_MINUTES * 60, "resident": resident, "held": resident - cache,
                              "descriptors": descriptors(hub.pid),
                              "allocated": value_of(text, "carillon_allocated_memory_bytes"),
                              "p99_ms": percentile(times, 0.99) * 1e3, "page_ms": page_s * 1e3, "cpu": (cpu - before) / (now - began),
                              "messages": value_of(text, "carillon_d2c_messages_total")})
                before, began = cpu, now
                if len(looks) % 30 == 1:
                    say("  " + json.dumps({key: round(value, 2) for key, value in looks[-1].items()}))
                time.sleep(max(0.0, min(LOOK_S, SOAK_MINUTES * 6) - (time.monotonic() - now)))
    steady = looks[len(looks) // 10:]
    third = max(1, len(steady) // 3)
    rows = [row(f"soak of {SOAK_MINUTES:g} min, {SOAK_DEVICES:,} devices: share of a core", "cores",
                statistics.median(look["cpu"] for look in steady), None, None)]
    for key, unit, name in (("resident", "B", "resident memory"), ("held", "B", "resident memory beside the store's cache and buffers"),
                            ("allocated", "B", "memory in use"),
                            ("descriptors", "", "descriptors"), ("p99_ms", "ms", "p99 of a twin read"), ("page_ms", "ms", "a page of metrics")):
        first = statistics.median(look[key] for look in steady[:third])
        last = statistics.median(look[key] for look in steady[-third:])
        rows.append(row(f"the same: {name}, last third against the first", unit, last, first, last / first))
    return rows, {"interval_s": interval, "looks": looks}
