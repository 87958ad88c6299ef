"""What figures are made of: rows of a table, medians, and ratios of neighbouring runs."""

import statistics
import sys


def say(text):
    print(text, file=sys.stderr, flush=True)


def median(runs, name):
    return statistics.median(run[name] for run in runs)


def ratio(a_runs, b_runs, name):
    """Median of the ratios of neighbouring runs, which saw the same machine."""
    return statistics.median(a[name] / b[name] for a, b in zip(a_runs, b_runs) if b[name])


def row(what, unit, ours, baseline, times):
    return {"what": what, "unit": unit, "carillon": ours, "baseline": baseline, "ratio": times}


def watched(what, name, runs):
    """The p99 while a job runs against the quiet one, from the same run."""
    return row(f"{what}: p99 while a job runs, against quiet", "us", median(runs, f"{name}_busy_p99_us"),
               median(runs, f"{name}_quiet_p99_us"),
               statistics.median(run[f"{name}_busy_p99_us"] / run[f"{name}_quiet_p99_us"] for run in runs))


def table(rows):
    def number(value, digits=0):
        return "-" if value is None else f"{value:,.{digits}f}"
    widths = max(len(r["what"]) for r in rows)
    lines = [f"{'figure':{widths}}  {'carillon':>12}  {'baseline':>12}  {'ratio':>6}  unit"]
    for r in rows:
        digits = 2 if r["carillon"] is not None and r["carillon"] < 100 else 0
        lines.append(f"{r['what']:{widths}}  {number(r['carillon'], digits):>12}  {number(r['baseline'], digits):>12}  "
                     f"{number(r['ratio'], 2):>6}  {r['unit']}")
    return "\n".join(lines)
