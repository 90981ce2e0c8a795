"""What is measured. A case is a function that takes a Bench and gives results: a name, the ratio in each round, what is
wanted, and what else is worth knowing. To add one, write it in the module of its theme and name it in its CASES; another
read is one more row in reads.py."""

from cases import bloat, growth, loads, reads, writes

ALL = {**reads.CASES, **writes.CASES, **loads.CASES}
# Needs other data besides, so it runs when it is asked for or when --scale or --orgs are given.
BESIDE = growth.CASES
# Take many minutes, so they run only when they are asked for.
MORE = {**BESIDE, **bloat.CASES}
