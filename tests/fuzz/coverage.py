"""coverage.py BUILD LLVM_SUFFIX TARGET...: what the corpora of fuzz targets reach of the files that coverage.txt says.

BUILD has the targets built with clang's coverage and replay.c. Prints for each file the lines that were run, and the
regions of the functions that are the target's subject; what was not reached at all is named. Fails below the table's
floor.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
CODE_REGION = 0


def table():
    for line in (HERE / "coverage.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            target, file, floor, *names = line.split()
            yield target, file, float(floor), names


def run_corpora(build, suffix, target):
    """Path of the program and of the profile of all its inputs."""
    program = build / "tests" / f"fuzz_{target}"
    profiles = build / "profiles"
    profiles.mkdir(exist_ok=True)
    raw = []
    for folder in (HERE / "corpus" / target, PROJECT / "build" / "fuzz" / "grown" / target):
        if folder.is_dir() and any(folder.iterdir()):
            raw.append(profiles / f"{target}-{len(raw)}.profraw")
            subprocess.run([program, folder], check=True, stdout=subprocess.DEVNULL,
                           env={"LLVM_PROFILE_FILE": str(raw[-1])})
    profile = profiles / f"{target}.profdata"
    subprocess.run([f"llvm-profdata{suffix}", "merge", "-sparse", "-o", profile, *raw], check=True)
    return program, profile


def coverage_of(suffix, program, profile, file):
    """The percentage of lines, and by function which of its regions were run."""
    out = subprocess.run([f"llvm-cov{suffix}", "export", program, f"-instr-profile={profile}", PROJECT / file],
                         check=True, stdout=subprocess.PIPE).stdout
    data = json.loads(out)["data"][0]
    functions = {}
    for function in data["functions"]:
        if function["filenames"][0].endswith("/" + file):
            # a static one is "cursor.c:read_entry", since LLVM 18 "cursor.c;read_entry"
            name = re.split("[:;]", function["name"])[-1]
            # line, column, end line, end column, count, file, expanded file, kind
            ran = {tuple(region[:4]): region[4] > 0 for region in function["regions"]
                   if region[7] == CODE_REGION and region[5] == 0}
            functions[name] = ran
    return data["files"][0]["summary"]["lines"]["percent"], functions


def subject_of(file, functions, names):
    """Those with a plus, or else all but those with a minus."""
    chosen = {name[1:] for name in names}
    unknown = chosen - functions.keys()
    if unknown:
        sys.exit(f"coverage.txt: {file} has no {', '.join(sorted(unknown))}")
    return sorted(chosen if names and names[0][0] == "+" else functions.keys() - chosen)


def main():
    build, suffix, targets = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    rows = [row for row in table() if row[0] in targets]
    profiles = {target: run_corpora(build, suffix, target) for target in dict.fromkeys(row[0] for row in rows)}
    short = 0
    for target, file, floor, names in rows:
        lines, functions = coverage_of(suffix, *profiles[target], file)
        subject = subject_of(file, functions, names)
        regions = [ran for name in subject for ran in functions[name].values()]
        percent = 100 * sum(regions) / len(regions)
        untouched = [name for name in subject if not any(functions[name].values())]
        print(f"coverage {target:11} {file:31} lines of the file {lines:5.1f} %, regions of its subject {percent:5.1f} %"
              + (f", at least {floor:g} % WANTED" if percent < floor else "")
              + (f"; not reached: {' '.join(untouched)}" if untouched else ""))
        short += percent < floor
    missing = set(targets) - {row[0] for row in rows}
    if missing:
        sys.exit(f"coverage.txt does not say what is the subject of {', '.join(sorted(missing))}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
