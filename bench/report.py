"""The table for people and the file for programs."""

import json
import math
import os


def _number(values, digits=2):
    return " · ".join(f"{values[name]:.{digits}f}" for name in ("min", "median", "max"))


def _wanted(result):
    sign = "≤" if "most" in result else "≥"
    bound, goal = result.get("most", result.get("target")), result.get("goal")
    first = f"{sign} {bound}" if bound is not None else "–"
    return f"{first} ({sign} {goal})" if goal is not None else first


def is_met(result):
    """Only what the first version must reach counts; the goal is shown beside it."""
    value = result["pss_mb"]["max"] if "pss_mb" in result else result["ratio"]["median"]
    if "most" in result:
        return result["most"] is None or value <= result["most"]
    return result.get("target") is None or value >= result["target"]


def _met(result):
    if result.get("most", result.get("target")) is None:
        return ""
    return "yes" if is_met(result) else "**no**"


def _cell(value, digits):
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def _memory(run):
    return f"{run['rss_mb']:.0f} / {run['pss_mb']:.0f}" if run["pss_mb"] else "–"


def table(results):
    lines = ["| figure | compared with | min · median · max | wanted (goal) | | the same by processor time |",
             "| --- | --- | --- | --- | --- | --- |"]
    for result in results:
        shown = f"{_number(result['pss_mb'], 1)} MB PSS" if "pss_mb" in result else _number(result["ratio"])
        spent = _number(result["processor"]) if "processor" in result else ""
        lines.append(f"| {result['name']} | {result.get('against', '')} | {shown} | {_wanted(result)} | {_met(result)} | "
                     f"{spent} |")
    lines += ["", "| medians | requests/s | p50 ms | p99 ms | p99.9 ms | µs of processor per request: server | PostgreSQL "
              "| load | RSS / PSS MB |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    shown = set()
    for result in results:
        for side in ("server", "limit"):
            run = result.get(side)
            if run is None or json.dumps(run) in shown:
                continue
            row = result["name"] if side == "server" else f"{result['name']}: {result['against']}"
            shown.add(json.dumps(run))  # two figures may come from the same runs
            lines.append(f"| {row} | {run['rate']:,.0f} | {_cell(run['p50_ms'], 2)} | {_cell(run['p99_ms'], 2)} | "
                         f"{_cell(run['p999_ms'], 2)} | {_cell(run['server_us'], 0)} | {_cell(run['postgres_us'], 0)} | "
                         f"{_cell(run['load_us'], 0)} | {_memory(run)} |")
    return "\n".join(lines)


def _plain(value):
    """JSON has no number for what was not measured."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write(path, results, about, some):
    """With `some` only the figures of these cases are replaced; each says from which run it is."""
    measured = {result["name"]: {**result, "run": about} for result in results}
    kept = []
    if some and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            kept = [measured.pop(old["name"], old) for old in json.load(file)["results"]]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(_plain({"results": [*kept, *measured.values()]}), file, indent=1, ensure_ascii=False)
        file.write("\n")
