"""Twin jobs one behind the other: whether what the hub owes the disk slows the next, and whether memory comes back."""

import os
import signal
import time

from tables import row, say

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
TWIN_BYTES = 900
JOBS = 10
REST_S = 60


def used(pid):
    """Processor time in seconds and resident bytes."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        resident = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident


def jobs_in_a_row(bench, folder):
    """Ten twin jobs over a million devices in a row, each against the second; memory a minute after the last."""
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES)
        hub.stop(signal.SIGTERM)
    jobs, memory = [], []
    with bench.hub(folder) as hub:
        for _ in range(JOBS):
            cpu_before, _ = used(hub.pid)
            job = bench.load("job", hub, devices=DEVICES, repeats=1, quiet_gets=3)
            cpu, resident = used(hub.pid)
            jobs.append({"devices_per_second": job["devices_per_second"], "cpu_us": (cpu - cpu_before) / DEVICES * 1e6})
            memory.append(resident)
            say(f"  {jobs[-1]['devices_per_second']:,.0f} devices/s, {jobs[-1]['cpu_us']:.2f} us of CPU each")
        time.sleep(REST_S)
        _, rested = used(hub.pid)
        hub.stop(signal.SIGKILL)
    with bench.hub(folder) as hub:
        ready_s = hub.ready_s
        _, fresh = used(hub.pid)
    # The first job takes memory that the others use again.
    later = jobs[1:]
    slowest, fastest = (pick(job["devices_per_second"] for job in later) for pick in (min, max))
    dearest, cheapest = (pick(job["cpu_us"] for job in later) for pick in (max, min))
    rows = [row(f"jobs 2 to {JOBS} in a row: slowest, against fastest", "devices/s", slowest, fastest, slowest / fastest),
            row("the same: CPU of the dearest, against the cheapest", "us", dearest, cheapest, dearest / cheapest),
            row(f"resident memory {REST_S} s after the last, against a restart", "B", rested, fresh, rested / fresh),
            row("the same: the most behind a job", "B", max(memory), fresh, max(memory) / fresh),
            row("ready again after a kill", "s", ready_s, None, None)]
    return rows, {"jobs": jobs, "memory": memory, "rested": rested, "fresh": fresh, "ready_s": ready_s}
