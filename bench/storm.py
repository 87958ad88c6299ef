"""A fleet that loses every connection at once and comes back, while jobs run over it."""

import os
import time

from fleets import Jobs, Simulation, create_devices
from servers import Mosquitto
from tables import median, ratio, row, say

DEVICES = int(os.environ.get("BENCH_STORM_DEVICES", "15000"))
# A fleet that is not back by then counts as if it were, which flatters whoever let it down.
BACK_S_MAX = int(os.environ.get("BENCH_STORM_SECONDS", "180"))
# They begin one after another, and after the cut all try at once, as devices know nothing of each other.
AT_ONCE = ("--ramp", f"{max(1, DEVICES // 250)}s", "--connecting-max", DEVICES)


def is_over(began):
    return time.monotonic() > began + BACK_S_MAX


def cut_and_return(simulation, meanwhile=lambda: None):
    """Cuts all connections; gives the seconds until half, 99 % and all of the devices are back."""
    before = simulation.latest
    lost = before["lost"] + DEVICES
    began = time.monotonic()
    simulation.cut()
    simulation.until(lambda now: now["lost"] >= lost, "all connections to be lost")
    meanwhile()
    times = {}
    for share in (0.5, 0.99, 1.0):
        simulation.until(lambda now, share=share: now["connected"] >= share * DEVICES or is_over(began),
                         f"{share:.0%} of the devices to come back")
        times[share] = time.monotonic() - began
    now = simulation.latest
    return {"back": now["connected"], "half_back_s": times[0.5], "most_back_s": times[0.99], "all_back_s": times[1.0],
            "failed_attempts": now["failedAttempts"] - before["failedAttempts"], "refused": now["refused"]}


def storm_on_hub(bench, folder):
    with bench.hub(folder) as hub, Simulation(bench, hub, hub, "--devices", DEVICES, *AT_ONCE) as simulation:
        simulation.until_connected(DEVICES)
        jobs = Jobs(hub)
        # One job has calls under way when the cut comes, and these fail: a device that was asked may have
        # acted. The two that begin in the storm meet devices that are away, and come back.
        started = {"cut": jobs.start_method()}
        jobs.until(started["cut"], lambda now: now["succeeded"] > 0, "the method job to begin")
        def begin_others():
            started["method"] = jobs.start_method()
            started["twin"] = jobs.start_twin()
        result = cut_and_return(simulation, begin_others)
        for name, job in started.items():
            ended = jobs.until_ended(job)
            result[f"{name}_job_failed"] = ended["failed"]
            result[f"{name}_job_succeeded"] = ended["succeeded"]
            result[f"{name}_job_reasons"] = jobs.failures(job)
        return result


def storm_on_broker(bench, folder, hub):
    with Mosquitto(folder, hub.data) as broker, \
            Simulation(bench, hub, broker, "--devices", DEVICES, *AT_ONCE) as simulation:
        simulation.until_connected(DEVICES)
        return cut_and_return(simulation)


def storm(bench, folder):
    """15,000 TLS devices cut at once come back by backing off while jobs run."""
    runs = {"carillon": [], "mosquitto": []}
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        create_devices(hub, DEVICES)
    for _ in range(bench.rounds):
        runs["carillon"].append(storm_on_hub(bench, folder))
        say(f"  carillon {runs['carillon'][-1]}")
        runs["mosquitto"].append(storm_on_broker(bench, folder, hub))
        say(f"  mosquitto {runs['mosquitto'][-1]}")
    ours, theirs = runs["carillon"], runs["mosquitto"]
    rows = [row(f"storm of {DEVICES:,}: {label} back, against mosquitto without jobs", "s", median(ours, key),
                median(theirs, key), ratio(ours, theirs, key))
            for key, label in (("half_back_s", "half"), ("most_back_s", "99 %"), ("all_back_s", "all"))]
    rows.append(row(f"the same: back within {BACK_S_MAX} s", "", median(ours, "back"), median(theirs, "back"),
                    ratio(ours, theirs, "back")))
    rows.append(row("the same: attempts that failed", "", median(ours, "failed_attempts"),
                    median(theirs, "failed_attempts"), None))
    for name, label in (("method", "a method job begun in the storm"), ("twin", "a twin job begun in the storm"),
                        ("cut", "a method job cut off under way")):
        rows.append(row(f"the same: failures of {label}", "", median(ours, f"{name}_job_failed"), None, None))
    return rows, runs
