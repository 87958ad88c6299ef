"""Twins read and patched by REST over kept TLS connections."""

import os

from servers import Nginx
from tables import median, ratio, row

SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
DEVICES = 1000
TWIN_BYTES = 180  # with all else that a twin says of itself, 1 kB
IN_FLIGHT = 64


def rest(bench, folder):
    """REST reads and durable patches of a 1 kB twin, against nginx sending a file of that length."""
    runs = {"get": [], "patch": [], "static": []}
    with bench.hub(folder) as hub:
        bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES)
    shape = {"devices": DEVICES, "in_flight": IN_FLIGHT, "seconds": SECONDS}
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            for kind in ("get", "patch"):
                runs[kind].append(bench.load("requests", hub, kind=kind, **shape))
        with Nginx(folder, runs["get"][-1]["body_bytes"], hub.data) as web:
            runs["static"].append(bench.load("requests", web, kind="get", **shape))
    rows = []
    for kind, name in (("get", "REST read of a twin"), ("patch", "REST patch of a twin, durable")):
        for key, unit, label in (("per_second", "1/s", "rate"), ("server_cpu_us_per_trip", "us", "server CPU each"),
                                 ("p99_us", "us", "p99")):
            rows.append(row(f"{name}: {label}", unit, median(runs[kind], key), median(runs["static"], key),
                            ratio(runs[kind], runs["static"], key)))
    return rows, runs
