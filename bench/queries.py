"""Queries over a large registered fleet: what they take, cold and warm, and what others notice of them."""

import json
import os
import signal
import statistics
import subprocess
import time

from postgres import Postgres
from servers import pinned
from tables import row, say

DEVICES = int(os.environ.get("BENCH_FLEET_DEVICES", "1000000"))
TWIN_BYTES = 900
REPEATS = 200
PROBE_SECONDS = 6
COLUMNS_S = 10

# name: (statement, what PostgreSQL is asked; the condition on the same members)
QUERIES = {
    "count": ("SELECT COUNT() AS n FROM devices WHERE tags.building = '42'",
              "SELECT count(*) FROM twins WHERE doc #>> '{tags,building}' = '42'"),
    "page": ("SELECT * FROM devices WHERE tags.building = '42'",
             "SELECT doc FROM twins WHERE doc #>> '{tags,building}' = '42' ORDER BY id LIMIT 100"),
    "groups": ("SELECT tags.location.plant AS plant, COUNT() AS n FROM devices GROUP BY tags.location.plant",
               "SELECT doc #>> '{tags,location,plant}', count(*) FROM twins GROUP BY 1"),
    "three": ("SELECT COUNT() AS n FROM devices WHERE tags.building = '42' AND tags.location.plant = 'plant-5' "
              "AND tags.location.region = 'north'",
              "SELECT count(*) FROM twins WHERE doc #>> '{tags,building}' = '42' AND "
              "doc #>> '{tags,location,plant}' = 'plant-5' AND doc #>> '{tags,location,region}' = 'north'"),
    # Two paths in one comparison: no column answers it.
    "scan": ("SELECT COUNT() AS n FROM devices WHERE tags.floor > properties.desired.interval",
             "SELECT count(*) FROM twins WHERE doc #> '{tags,floor}' > doc #> '{properties,desired,interval}'"),
}
TITLES = {"count": "COUNT of one value in 100", "page": "first page of 100 of one value in 100",
          "groups": "COUNT by GROUP BY over everything", "three": "COUNT by three conditions, 1 row in 1,300",
          "scan": "COUNT by comparing two paths, which nothing helps"}


def ask_statement(bench, hub, statement, **options):
    return bench.load("ask", hub, statement=statement, **options)


def ask(bench, hub, name, **options):
    return ask_statement(bench, hub, QUERIES[name][0], **options)


def wait_for_columns(bench, hub, name):
    """Until the background has made what the query wanted: an answer takes a tenth of the first one."""
    first = ask(bench, hub, name, repeats=1)["p50_us"]
    deadline = time.monotonic() + COLUMNS_S
    while time.monotonic() < deadline and ask(bench, hub, name, repeats=3)["p50_us"] > first / 3:
        time.sleep(0.2)


def in_background(bench, mode, server, **options):
    tool = [str(bench.binary("bench/carillon_load")), mode, *server.load_flags(), "--server-pid", str(server.pid)]
    for name, value in options.items():
        tool += ["--" + name.replace("_", "-"), str(value)]
    return subprocess.Popen(pinned(tool, 1), stdout=subprocess.PIPE, text=True)


def reads_of_a_twin(bench, hub, beside=None):
    """p99 of a twin read, one every few milliseconds, alone or while a query runs again and again."""
    process = None
    if beside is not None:
        process = in_background(bench, "ask", hub, statement=QUERIES[beside][0], seconds=PROBE_SECONDS + 2)
        time.sleep(1)
    found = bench.load("ask", hub, read="load-00007", seconds=PROBE_SECONDS, pause_ms=2)
    if process is not None and process.wait() != 0:
        raise RuntimeError("the query beside the reads failed")
    return found["p99_us"]


def jobs_in_a_row(bench, hub):
    return bench.load("job", hub, devices=DEVICES, repeats=3, quiet_gets=3)


def scan_of_json(bench):
    command = [str(bench.binary("bench/carillon_scan")), "scan", "--devices", str(DEVICES), "--twin-bytes", str(TWIN_BYTES)]
    done = subprocess.run(pinned(command, 0), check=True, capture_output=True, text=True)
    say("  simdjson " + done.stdout.strip())
    return json.loads(done.stdout)


def timed_in_postgres(database, statement, repeats):
    """Median of a statement's time inside the server, in microseconds, on a connection that has run it before:
    the first time each page of the shared buffers is new to the connection's process, which costs more."""
    explain = f"EXPLAIN (ANALYZE, TIMING OFF) {statement};"
    plans = database.psql("SET max_parallel_workers_per_gather = 0;" + explain * (1 + repeats))
    times = [float(line.split()[2]) * 1000 for line in plans.splitlines() if line.startswith("Execution Time: ")]
    return statistics.median(times[1:])


def in_postgres(folder):
    with Postgres(folder) as database:
        database.fill(DEVICES, TWIN_BYTES)
        found = {name: {"seq_us": timed_in_postgres(database, statement, 3)}
                 for name, (_, statement) in QUERIES.items()}
        database.psql("CREATE INDEX gin ON twins USING gin (doc jsonb_path_ops); ANALYZE twins;")
        found["count"]["gin_us"] = timed_in_postgres(
            database, "SELECT count(*) FROM twins WHERE doc @> '{\"tags\":{\"building\":\"42\"}}'", 5)
        database.psql("DROP INDEX gin; CREATE INDEX one ON twins ((doc #>> '{tags,building}')); VACUUM ANALYZE twins;")
        for name in ("count", "page", "three"):
            found[name]["index_us"] = timed_in_postgres(database, QUERIES[name][1], 9)
        say(f"  postgres {found}")
        return found


def queries(bench, folder):
    """Queries over a million twins: cold, warm, beside reads; against PostgreSQL and a scan by simdjson."""
    runs = {"cold": {}, "warm": {}}
    with bench.hub(folder) as hub:
        say(f"  registering {DEVICES} devices")
        runs["register"] = bench.load("register", hub, devices=DEVICES, twin_bytes=TWIN_BYTES)
        hub.stop(signal.SIGTERM)
    with bench.hub(folder, core=None) as hub:
        runs["ready_s"] = hub.ready_s
    # Jobs in a row slow each other down, so both series begin at a start.
    with bench.hub(folder) as hub:
        runs["job_without_columns"] = jobs_in_a_row(bench, hub)
    with bench.hub(folder) as hub:
        runs["reads_quiet_p99_us"] = reads_of_a_twin(bench, hub)
        runs["resident_without_columns"] = ask(bench, hub, "scan", repeats=1)["resident_bytes"]
        for name in QUERIES:
            runs["cold"][name] = ask(bench, hub, name, repeats=1)
            if name != "scan":
                wait_for_columns(bench, hub, name)
            runs["warm"][name] = ask(bench, hub, name, repeats=20 if name == "scan" else REPEATS)
        runs["resident_with_columns"] = runs["warm"]["scan"]["resident_bytes"]
        for name in ("scan", "groups", "count"):
            runs[f"reads_beside_{name}_p99_us"] = reads_of_a_twin(bench, hub, name)
    with bench.hub(folder) as hub:
        for name in ("count", "groups", "three"):
            ask(bench, hub, name, repeats=1)
            wait_for_columns(bench, hub, name)
        runs["job_with_columns"] = jobs_in_a_row(bench, hub)
    json_scan = runs["simdjson"] = scan_of_json(bench)
    postgres = runs["postgres"] = in_postgres(folder)
    return rows_of(runs, json_scan, postgres), runs


def rows_of(runs, json_scan, postgres):
    rows = [row(f"registering {DEVICES:,} with a twin of {TWIN_BYTES} B", "1/s", runs["register"]["per_second"], None, None),
            row(f"ready again, {DEVICES:,} devices", "s", runs["ready_s"], None, None),
            row("resident memory per device, without columns", "B", runs["resident_without_columns"] / DEVICES, None, None),
            row("the same, with the columns of these queries", "B", runs["resident_with_columns"] / DEVICES,
                runs["resident_without_columns"] / DEVICES,
                runs["resident_with_columns"] / runs["resident_without_columns"])]

    def against(title, ours, theirs):
        rows.append(row(title, "us", ours, theirs, ours / theirs))
    for name, title in TITLES.items():
        cold, warm = runs["cold"][name]["p50_us"], runs["warm"][name]
        if name in ("count", "scan"):
            best = warm["p50_us"] if name == "scan" else cold
            against(f"{title}: first time, against a scan by simdjson", best, json_scan["p50_us"])
        against(f"{title}: first time, against PostgreSQL's seq scan", cold, postgres[name]["seq_us"])
        if name == "scan":
            continue
        if "index_us" in postgres[name]:
            against(f"{title}: again, against PostgreSQL's expression index", warm["p50_us"], postgres[name]["index_us"])
        else:
            against(f"{title}: again, against PostgreSQL's seq scan", warm["p50_us"], postgres[name]["seq_us"])
        rows.append(row(f"{title}: again, p99", "us", warm["p99_us"], None, None))
    against("COUNT of one value in 100: again, against PostgreSQL's GIN", runs["warm"]["count"]["p50_us"],
            postgres["count"]["gin_us"])
    for name, what in (("scan", "a scan"), ("groups", "GROUP BY"), ("count", "COUNT")):
        against(f"GET of a twin: p99 beside {what}, against quiet", runs[f"reads_beside_{name}_p99_us"],
                runs["reads_quiet_p99_us"])
    with_columns, without = (runs[key]["devices_per_second"] for key in ("job_with_columns", "job_without_columns"))
    rows.append(row(f"twin job over {DEVICES:,} with columns, against without", "devices/s", with_columns, without,
                    with_columns / without))
    return rows
