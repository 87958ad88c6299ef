"""A method job over far more devices than are online."""

import os
import statistics
import time

from fleets import Jobs, Simulation, create_devices
from tables import median, row, say

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
CONNECTED = int(os.environ.get("BENCH_CONNECTED", "15000"))
DEADLINE_S = 60
# What a device ends with that did not come online before the deadline.
AWAY = {"JobRunPreconditionFailed"}


def answered(jobs, condition, seconds):
    """Runs a method job until every connected device has answered; gives its id, start and duration."""
    began = time.monotonic()
    job = jobs.start_method(condition, seconds, response_s=10)
    jobs.until(job, lambda now: now["succeeded"] == CONNECTED, "all that are online to answer")
    return job, began, time.monotonic() - began


def measure(bench, folder):
    with bench.hub(folder) as hub, Simulation(bench, hub, hub, "--devices", CONNECTED) as simulation:
        simulation.until_connected(CONNECTED)
        jobs = Jobs(hub)
        narrow, _, narrow_s = answered(jobs, "connectionState = 'Connected'", 600)
        jobs.until_ended(narrow)
        wide, began, wide_s = answered(jobs, "*", DEADLINE_S)
        ended = jobs.until_ended(wide)
        result = {"narrow_s": narrow_s, "wide_s": wide_s, "late_s": time.monotonic() - began - DEADLINE_S,
                  "narrow_per_second": CONNECTED / narrow_s, "wide_per_second": CONNECTED / wide_s, **ended}
        result["reasons"] = jobs.failures(wide)
        result["called"] = simulation.latest["methods"]["received"]
        if ended["failed"] != DEVICES - CONNECTED or set(result["reasons"]) != AWAY:
            raise RuntimeError(f"the devices that are away ended wrongly: {result}")
        return result


def wide_job(bench, folder):
    """A method job with a deadline over a million devices of which 15,000 are online."""
    runs = []
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        seconds = create_devices(hub, DEVICES)
    for _ in range(bench.rounds):
        runs.append(measure(bench, folder))
        say(f"  {runs[-1]}")
    name = f"method job over {DEVICES:,}, {CONNECTED:,} of them online"
    rows = [row("registering by bulk requests", "1/s", DEVICES / seconds, None, None),
            row(f"{name}: all of these answered, against a job over them alone", "s", median(runs, "wide_s"),
                median(runs, "narrow_s"), statistics.median(run["wide_s"] / run["narrow_s"] for run in runs)),
            row("the same: from its deadline until it has ended", "s", median(runs, "late_s"), None, None)]
    return rows, {"carillon": runs}
