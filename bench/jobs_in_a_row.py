"""Twin jobs one behind the other: whether what the hub owes the disk slows the next, and whether memory comes back."""

import json
import os
import signal
import statistics
import subprocess
import time

from servers import pinned
from tables import row, say

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
TWIN_BYTES = 900
JOBS = 10
EDGE = 3  # jobs at the begin and at the end that are compared
REST_S = 60
CONTROL = {"devices": 200_000, "repeats": 9}


def used(pid):
    """Processor time in seconds and resident bytes."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        resident = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident


def control(bench):
    """Microseconds of the same work each time, on the hub's core: how fast the machine is in this minute."""
    command = [str(bench.binary("bench/carillon_scan")), "scan", "--devices", str(CONTROL["devices"]), "--twin-bytes",
               str(TWIN_BYTES), "--repeats", str(CONTROL["repeats"])]
    return json.loads(subprocess.run(pinned(command, 0), check=True, capture_output=True, text=True).stdout)["p50_us"]


def edges(jobs, name):
    """Medians of the last and of the first jobs, the very first left out: it takes memory that the others use again."""
    return [statistics.median(job[name] for job in some) for some in (jobs[-EDGE:], jobs[1:1 + EDGE])]


def jobs_in_a_row(bench, folder):
    """Ten twin jobs over a million devices in a row, the last against the first; memory a minute after the last."""
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
            jobs.append({"devices_per_second": job["devices_per_second"], "cpu_us": (cpu - cpu_before) / DEVICES * 1e6,
                         "control_us": control(bench)})
            memory.append(resident)
            say(f"  {jobs[-1]['devices_per_second']:,.0f} devices/s, {jobs[-1]['cpu_us']:.2f} us of CPU each; "
                f"control {jobs[-1]['control_us']:,.0f} us")
        time.sleep(REST_S)
        _, rested = used(hub.pid)
        hub.stop(signal.SIGKILL)
    with bench.hub(folder) as hub:
        ready_s = hub.ready_s
        _, fresh = used(hub.pid)
    (late, early), (late_cpu, early_cpu), (late_control, early_control) = (
        edges(jobs, name) for name in ("devices_per_second", "cpu_us", "control_us"))
    slowest, fastest = (pick(job["devices_per_second"] for job in jobs[1:]) for pick in (min, max))
    quickest, longest = (pick(job["control_us"] for job in jobs[1:]) for pick in (min, max))
    rows = [row(f"twin jobs in a row: jobs {JOBS - EDGE + 1} to {JOBS}, against 2 to {1 + EDGE}", "devices/s", late, early,
                late / early),
            row("the same: CPU", "us", late_cpu, early_cpu, late_cpu / early_cpu),
            row("work that is always the same, behind these jobs", "us", late_control, early_control,
                late_control / early_control),
            row(f"jobs 2 to {JOBS}: slowest, against fastest", "devices/s", slowest, fastest, slowest / fastest),
            row("work that is always the same: fastest, against slowest", "us", quickest, longest, quickest / longest),
            row(f"resident memory {REST_S} s after the last, against a restart", "B", rested, fresh, rested / fresh),
            row("the same: the most behind a job", "B", max(memory), fresh, max(memory) / fresh),
            row("ready again after a kill", "s", ready_s, None, None)]
    return rows, {"jobs": jobs, "memory": memory, "rested": rested, "fresh": fresh, "ready_s": ready_s}
