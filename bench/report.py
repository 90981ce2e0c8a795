"""The table for people and the file for programs."""

import json


def _number(values, digits=2):
    return " · ".join(f"{values[name]:.{digits}f}" for name in ("min", "median", "max"))


def _wanted(result):
    if "most" in result:
        return f"≤ {result['most']} ({result['goal']})"
    return f"≥ {result['target']} ({result['goal']})"


def is_met(result):
    if "pss_mb" in result:
        return result["pss_mb"]["max"] < result["most"]
    median = result["ratio"]["median"]
    return median <= result["most"] if "most" in result else median >= result["target"]


def table(results):
    lines = ["| figure | min · median · max | wanted (goal) | | the same by processor time |",
             "| --- | --- | --- | --- | --- |"]
    for result in results:
        shown = f"{_number(result['pss_mb'], 1)} MB PSS" if "pss_mb" in result else _number(result["ratio"])
        spent = _number(result["processor"]) if "processor" in result else ""
        lines.append(f"| {result['name']} | {shown} | {_wanted(result)} | {'yes' if is_met(result) else '**no**'} | {spent} |")
    lines += ["", "| medians | requests/s | p50 ms | p99 ms | µs of processor per request: server | PostgreSQL | load |",
              "| --- | --- | --- | --- | --- | --- | --- |"]
    for result in results:
        for side in ("server", "limit"):
            if side not in result:
                continue
            run = result[side]
            name = result["name"]
            other = "64 connections, quiet" if name in ("connections_256_to_64", "with_slow") else "limit (pgbench)"
            lines.append(f"| {name}{': ' + other if side == 'limit' else ''} | {run['rate']:,.0f} | {run['p50_ms']:.2f} | "
                         f"{run['p99_ms']:.2f} | {run['server_us']:.0f} | {run['postgres_us']:.0f} | "
                         f"{run['load_us']:.0f} |")
    return "\n".join(lines)


def write(path, results, about):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "results": results}, file, indent=1, ensure_ascii=False)
        file.write("\n")
