"""Method jobs over as many connected devices as a load process may hold."""

import os

from servers import Mosquitto
from tables import median, ratio, row, say

DEVICES = int(os.environ.get("BENCH_CONNECTED", "15000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
IN_FLIGHT = 64


def method_job(bench, folder):
    """Method jobs over 15,000 TLS devices, each outcome durable, against a broker relaying to as many."""
    runs = {"job": [], "relay": []}
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        bench.load("register", hub, devices=DEVICES)
    for _ in range(bench.rounds):
        with bench.hub(folder) as hub:
            runs["job"].append(bench.load("roundtrip", hub, drive="job", devices=DEVICES, in_flight=IN_FLIGHT,
                                          seconds=SECONDS))
        with Mosquitto(folder, hub.data) as broker:
            runs["relay"].append(bench.load("roundtrip", broker, drive="relay", devices=DEVICES, in_flight=IN_FLIGHT,
                                            seconds=SECONDS))
    name = f"method jobs over {DEVICES:,} devices"
    return [row(f"{name}: outcomes", "1/s", median(runs["job"], "per_second"), median(runs["relay"], "per_second"),
                ratio(runs["job"], runs["relay"], "per_second")),
            row(f"{name}: server CPU each", "us", median(runs["job"], "server_cpu_us_per_trip"),
                median(runs["relay"], "server_cpu_us_per_trip"),
                ratio(runs["job"], runs["relay"], "server_cpu_us_per_trip"))], runs
