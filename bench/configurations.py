"""Configurations over a large fleet: how fast they spread and leave, and that they come to rest."""

import os
import time

from fleets import Jobs, create_devices, wait_until
from tables import median, row, say

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
CONTENT = {"deviceContent": {"properties.desired.firmware": {"version": "1.2.0", "channel": "stable"}}}


def timed(rest, holds):
    """Seconds until `holds(results)` of the one configuration there is."""
    began = time.monotonic()
    wait_until(lambda: holds(rest.call("GET", "/configurations/bench")["systemMetrics"]["results"]), "the fleet to follow")
    return time.monotonic() - began


def measure(bench, folder):
    with bench.hub(folder) as hub:
        rest = Jobs(hub)
        body = {"content": CONTENT, "targetCondition": "*", "priority": 1}
        rest.call("PUT", "/configurations/bench", body)
        spread_s = timed(rest, lambda results: results["appliedCount"] == DEVICES)
    with bench.hub(folder) as hub:  # after a restart every twin is looked at, and none is written
        rest = Jobs(hub)
        etag = rest.call("GET", "/configurations/bench")["etag"]
        rest.call("PUT", "/configurations/bench", {**body, "targetCondition": ""}, f'"{etag}"')
        leave_s = timed(rest, lambda results: results["targetedCount"] == 0)
        rest.call("DELETE", "/configurations/bench")
    return {"spread_s": spread_s, "leave_s": leave_s}


def configurations(bench, folder):
    """A configuration for every device of a large fleet, until all have it; then for none."""
    runs = []
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        create_devices(hub, DEVICES)
    for _ in range(bench.rounds):
        runs.append(measure(bench, folder))
        say(f"  {runs[-1]}")
    name = f"a configuration over {DEVICES:,} devices"
    rows = [row(f"{name}: all have it, on disk", "devices/s", DEVICES / median(runs, "spread_s"),
                None, None),
            row(f"{name}: none has it any more", "devices/s", DEVICES / median(runs, "leave_s"), None, None)]
    return rows, {"carillon": runs}
