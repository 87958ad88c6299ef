"""What a person at a console notices while a job over everything runs."""

import os

from tables import say, watched

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
CONNECTED = int(os.environ.get("BENCH_CONNECTED", "15000"))
TWIN_BYTES = 900
PROBED = 100
REPEATS = 5


def lanes(bench, folder):
    """p99 of direct methods, twin reads and looks at the job, while jobs run against quiet."""
    shapes = {"twin": {"devices": DEVICES}, "method": {"devices": CONNECTED, "connected": CONNECTED - PROBED}}
    rows, runs = [], {}
    for kind, shape in shapes.items():
        home = os.path.join(folder, kind)
        os.mkdir(home)
        with bench.hub(home) as hub:
            say(f"  registering {shape['devices']} devices")
            bench.load("register", hub, devices=shape["devices"], twin_bytes=TWIN_BYTES)
        runs[kind] = []
        for _ in range(bench.rounds):
            with bench.hub(home) as hub:
                runs[kind].append(bench.load("job", hub, kind=kind, repeats=REPEATS, probe_devices=PROBED, **shape))
        rows += [watched(f"{kind} job over {shape['devices']:,}: {what}", name, runs[kind])
                 for name, what in (("method", "direct method by REST"), ("twin", "GET of a twin"), ("get", "GET of the job"))]
    return rows, runs
