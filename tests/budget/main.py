"""Instructions that the server spends on a request, against those in counts.json: ./dev budget [--update]

Counts of a release build by callgrind, one loop, one kept connection, one request after the other. They belong to a
release of Debian: another compiler or another library counts otherwise."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from callgrind import by_object
from stage import ROOT, Stage, account_id
from harness.server import binary

FILE = Path(__file__).with_name("counts.json")
RISE, FALL = 1.05, 0.95
ROUNDS = 5
SHOWN = 40
LIBRARIES = ("libc.so", "libcrypto.so", "libjansson.so", "libmicrohttpd.so", "libpq.so", "libsodium.so")
NEW = ('{"name":"Budget Customer %04d","industry":"manufacturing","employee_count":3456,'
       '"annual_revenue":{"amount":"123456.50","currency":"CNY"},"founded_year":1998,"country":"CN","city":"Shanghai",'
       '"website":"https://www.customer-1234.example/","phone":"+8621123456","email":"office@customer-1234.example",'
       '"tier":"key","tags":["fair","vip"],"source":"web"}')
CHANGE = '{"city":"Hangzhou","employee_count":%d}'

# name: requests in a round, and the n-th request, counted from 0. The reads come first: their rows stay the same.
CASES = {
    "point_read": (60, lambda stage, n: stage.ask("GET", f"/v1/accounts/{account_id(n * 37)}")),
    "page": (20, lambda stage, n: stage.ask("GET", "/v1/accounts")),
    "create": (20, lambda stage, n: stage.ask("POST", "/v1/accounts", NEW % n, [f"Idempotency-Key: budget-{n:06d}"],
                                              expect=201)),
    "update": (20, lambda stage, n: stage.ask("PATCH", f"/v1/accounts/{account_id(n)}", CHANGE % (5000 + n),
                                              ['If-Match: "1"'])),
}


def measure(stage):
    """{case: {(object, function): instructions a request}}, of the round in the middle, less what a mark costs"""
    def middle(counts):
        return sorted(counts, key=lambda spent: sum(spent.values()))[len(counts) // 2]

    stage.mark()
    empty = middle([stage.mark() for _ in range(ROUNDS)])
    found = {}
    for name, (many, ask) in CASES.items():
        rounds = []
        for turn in range(ROUNDS + 1):
            for number in range(many):
                ask(stage, turn * many + number)
            rounds.append(stage.mark())
        spent = middle(rounds[1:])  # the first one warms up
        spread = [round((sum(one.values()) - sum(empty.values())) / many) for one in rounds[1:]]
        print(f"{name}, rounds of {many}: {', '.join(f'{count:,}' for count in spread)}")
        spent.subtract(empty)
        found[name] = {key: count / many for key, count in spent.items()}
    return found


def here():
    """(the release and what else chooses the instructions, the versions of who makes them)"""
    release = platform.freedesktop_os_release()
    place = f"{release['ID']}-{release.get('VERSION_ID', '?')} {platform.machine()}"
    # The libraries choose by processor, and newer ones than this look to them like this under valgrind.
    if "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split():
        place += " avx2"
    versions = {"gcc": _said("gcc", "-dumpfullversion")}
    for path in re.findall(r"=> (\S+)", _said("ldd", binary())):
        name = next((name for name in LIBRARIES if os.path.basename(path).startswith(name)), None)
        if name:
            owner = _said("dpkg-query", "-S", f"*/{os.path.basename(os.path.realpath(path))}").split(": ")[0]
            versions[name.removesuffix(".so")] = _said("dpkg-query", "-W", "-f=${Version}", owner)
    return place, dict(sorted(versions.items()))


def _said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def summary(spent):
    rooms = {room: round(count) for room, count in by_object(spent).most_common() if count >= 1}
    return {"instructions": round(sum(spent.values())), "in": rooms}


def judge(counts, committed):
    """Prints the table; gives the names of those that rose."""
    risen = []
    print(f"\n{'instructions for a request':<28}{'committed':>12}{'measured':>12}{'ratio':>8}")
    for name, count in counts.items():
        now = count["instructions"]
        was = committed.get(name, {}).get("instructions")
        if was is None:
            print(f"{name:<28}{'-':>12}{now:>12,}{'-':>8}  nothing committed")
            continue
        ratio, verdict = now / was, ""
        if ratio > RISE:
            verdict = f"  rose by more than {RISE - 1:.0%}"
            risen.append(name)
        elif ratio < FALL:
            verdict = "  fell: keep it with ./dev budget --update"
        print(f"{name:<28}{was:>12,}{now:>12,}{ratio:>8.3f}{verdict}")
    rooms = list(dict.fromkeys(room for count in counts.values() for room in count["in"]))
    print(f"\n{'where they go':<28}" + "".join(f"{name:>12}" for name in counts))
    for room in rooms:
        print(f"{room:<28}" + "".join(f"{count['in'].get(room, 0):>12,}" for count in counts.values()))
    for name in risen:
        more = Counter(counts[name]["in"])
        more.subtract(committed[name]["in"])
        print(f"\n{name} rose in: " + ", ".join(f"{room} {by:+,}" for room, by in more.most_common() if by > 0))
    return risen


def write_profile(path, found):
    with open(path, "w", encoding="utf-8") as file:
        for name, spent in found.items():
            total = sum(spent.values())
            file.write(f"{name}: {total:,.0f} instructions, spent in the functions themselves\n")
            for (room, function), count in sorted(spent.items(), key=lambda item: -item[1])[:SHOWN]:
                file.write(f"{count:>12,.0f} {count / total:>6.1%}  {room}: {function}\n")
            file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write what was measured into counts.json")
    update = parser.parse_args().update
    began = time.monotonic()
    known = json.loads(FILE.read_text(encoding="utf-8"))
    place, versions = here()
    committed = known["counts"].get(place)
    if committed is None and place != known["reference"] and not update:
        print(f"skipped: counts.json has nothing for {place} to compare with; measured all the same")
    folder = ROOT / "build/budget"
    folder.mkdir(parents=True, exist_ok=True)
    with Stage(folder) as stage:
        found = measure(stage)
    counts = {name: summary(spent) for name, spent in found.items()}
    write_profile(folder / "profile.txt", found)
    failed = judge(counts, committed["requests"] if committed else {})
    print(f"\nby function: {(folder / 'profile.txt').relative_to(ROOT)}")
    if update:
        known["counts"][place] = {"with": versions, "requests": counts}
        FILE.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{FILE.relative_to(ROOT)} now says so for {place}")
        return 0
    if committed:
        for name, version in versions.items():
            if committed["with"].get(name) != version:
                print(f"note: counted with {name} {version}, committed with {committed['with'].get(name)}")
        failed += sorted(set(counts) ^ set(committed["requests"]))
    elif place == known["reference"]:
        failed = list(counts)
    if failed:
        print(f"budget: {', '.join(failed)}: bring the count down, or commit the rise with ./dev budget --update")
    print(f"budget: {len(set(counts) - set(failed))} passed, {len(failed)} failed in {time.monotonic() - began:.1f}s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
