"""Pages and first looks over a large registered fleet: what a page costs beside an index, and what a path costs that
nobody asked for before."""

import json
import os
import signal
import statistics

from postgres import Postgres
from queries import ask_statement, scan_of_json
from tables import row, say

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
TWIN_BYTES = 900
REPEATS = 200
IDS = ", ".join(f"'load-{number * 1999 % DEVICES:05}'" for number in range(500))
PG_IDS = ", ".join(f"'load-{number * 1999 % DEVICES:07}'" for number in range(500))

# name: (title, statement, what PostgreSQL is asked)
PAGES = {
    "page": ("first page of 100 by equality", "SELECT * FROM devices WHERE tags.building = '42'",
             "SELECT doc FROM twins WHERE doc #>> '{tags,building}' = '42' ORDER BY id LIMIT 100"),
    "ids": ("the same, ids alone", "SELECT deviceId FROM devices WHERE tags.building = '42'",
            "SELECT id FROM twins WHERE doc #>> '{tags,building}' = '42' ORDER BY id LIMIT 100"),
    "in": ("first page of 100 of 500 ids", f"SELECT * FROM devices WHERE deviceId IN [{IDS}]",
           f"SELECT doc FROM twins WHERE id IN ({PG_IDS}) ORDER BY id LIMIT 100"),
    "in_count": ("COUNT of 500 ids", f"SELECT COUNT() AS n FROM devices WHERE deviceId IN [{IDS}]",
                 f"SELECT count(*) FROM twins WHERE id IN ({PG_IDS})"),
}
# Ten paths, each asked once.
LOOKS = ["tags.building = '42'", "tags.floor = 3", "tags.location.region = 'north'", "tags.location.plant = 'plant-5'",
         "properties.desired.interval = 31", "properties.desired.firmware = '1.4.3'", "properties.desired.wave = 'w1'",
         "status = 'disabled'", "version = 7", "properties.desired.$version = 9"]
# Series that begin at a start, so that the first of each finds nothing.
SERIES = {
    "groups": ("GROUP BY over everything",
               "SELECT tags.location.plant AS plant, COUNT() AS n FROM devices GROUP BY tags.location.plant"),
    "three": ("COUNT by three conditions", "SELECT COUNT() AS n FROM devices WHERE tags.building = '42' AND "
                                           "tags.location.plant = 'plant-5' AND tags.location.region = 'north'"),
    "page": ("first page of 100 by equality", PAGES["page"][1]),
}


def timed_by_client(database, statement, repeats=REPEATS):
    """Median of a statement's time at psql, rows and all, in microseconds, on a connection that has run it before. Ours is
    that of an HTTPS request, whose answer holds the same rows as JSON."""
    told = database.psql("\\o /dev/null\n\\timing on\n" + f"{statement};\n" * (1 + repeats))
    times = [float(line.split()[1]) * 1000 for line in told.splitlines() if line.startswith("Time: ")]
    return statistics.median(times[1:])


def pages(bench, folder):
    """Pages by equality and by ids against PostgreSQL's indexes; paths asked for the first time against simdjson."""
    runs = {name: {"ours": [], "theirs": []} for name in PAGES} | {"looks": [], "series": {}}
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES)
        hub.stop(signal.SIGTERM)
    for name, (_, statement) in SERIES.items():
        with bench.hub(folder) as hub:
            runs["series"][name] = ask_statement(bench, hub, statement, repeats=REPEATS)
    json_scan = runs["simdjson"] = scan_of_json(bench)
    with bench.hub(folder) as hub, Postgres(folder) as database:
        for condition in LOOKS:
            statement = f"SELECT COUNT() AS n FROM devices WHERE {condition}"
            runs["looks"].append(ask_statement(bench, hub, statement, repeats=1))
        database.fill(DEVICES, TWIN_BYTES)
        database.psql("CREATE INDEX one ON twins ((doc #>> '{tags,building}')); VACUUM ANALYZE twins;")
        for _ in range(bench.rounds):
            for name, (_, ours, theirs) in PAGES.items():
                runs[name]["ours"].append(ask_statement(bench, hub, ours, repeats=REPEATS))
                runs[name]["theirs"].append(timed_by_client(database, theirs))
                say(f"  postgres {name} {runs[name]['theirs'][-1]:.0f} us")
    return rows_of(runs, json_scan), runs


def rows_of(runs, json_scan):
    rows = []
    for name, (title, _, _) in PAGES.items():
        ours = [run["p50_us"] for run in runs[name]["ours"]]
        theirs = runs[name]["theirs"]
        rows.append(row(f"{title}, against PostgreSQL's index", "us", statistics.median(ours), statistics.median(theirs),
                        statistics.median(a / b for a, b in zip(ours, theirs))))
        cpu = statistics.median(run["server_cpu_us"] for run in runs[name]["ours"])
        rows.append(row(f"{title}: the hub's CPU", "us", cpu, None, None))
    looks = [run["p50_us"] for run in runs["looks"]]
    rows.append(row("a path never asked for, median of ten, against simdjson over the documents", "us",
                    statistics.median(looks), json_scan["p50_us"], statistics.median(looks) / json_scan["p50_us"]))
    rows.append(row("the same, the slowest of ten", "us", max(looks), json_scan["p50_us"], max(looks) / json_scan["p50_us"]))
    whole = runs["page"]["ours"][-1]
    document = len(json.dumps(whole["first_item"], separators=(",", ":")))
    resident = whole["resident_bytes"] / DEVICES
    rows.append(row("resident memory per device, with columns, against its twin as JSON", "B", resident, document,
                    resident / document))
    for name, (title, _) in SERIES.items():
        found = runs["series"][name]
        rows.append(row(f"{title}, {REPEATS} from a start: p99 against p50", "us", found["p99_us"], found["p50_us"],
                        found["p99_us"] / found["p50_us"]))
    return rows
