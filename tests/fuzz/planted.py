"""planted.py BUILD [TARGET...]: mistakes that a hand could make in each parser, and whether its fuzz target finds them.

Each is put into a copy of the parser's file, which is compiled as in BUILD and linked before the library; the target
then starts from the kept corpus and has SECONDS to stop. A mistake that the parser's text no longer has a place for
fails, too. Prints how long each took.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
SECONDS = 30

# target, file, what stands there once, what stands there instead
FAULTS = [
    # a field that is hidden is told in numbers
    ("aggregate", "lib/resource/aggregate_read.c", "field < 0 || !(open_fields(reader) >> field & 1)", "field < 0"),
    # two measures of one name
    ("aggregate", "lib/resource/aggregate_read.c", "strcmp(aggregate->measures[i].name, measure->name) == 0", "false"),
    # sums of different currencies
    ("aggregate", "lib/resource/aggregate_read.c", "if (!known && aggregate->measures[i].op != STW_COUNT)", "if (false)"),
    # a backslash before a quote does not hide it
    ("array", "lib/resource/render.c", "at += at[0] == '\\\\' && at[1];", ";"),
    # the last day of the year 0
    ("binary", "lib/db/binary.c", "(days < FIRST_DAY ||", "(days < FIRST_DAY - 1 ||"),
    # as many groups as come are written
    ("binary", "lib/db/binary.c", "place >= NUMERIC_GROUPS || scale > NUMERIC_FRACTION", "scale > NUMERIC_FRACTION"),
    # a zero keeps its sign
    ("cell", "lib/core/value.c", "negative && !zero ? ", "negative ? "),
    # a doubled quote ends the field
    ("csv", "lib/core/csv.c", "(place == FIELD_START || place == BEHIND_QUOTE)", "place == FIELD_START"),
    # CR at the window's end is taken for a whole line end
    ("csv", "lib/core/csv.c", "return last ? 1 : -1;", "return 1;"),
    # another list's cursor is taken
    ("cursor", "lib/resource/cursor.c", "memcmp(bytes + 1, query->digest, DIGEST) != 0", "false"),
    # a value may end behind the cursor's end
    ("cursor", "lib/resource/cursor.c", "length > (size_t)(end - from) ||", ""),
    # MM takes one digit
    ("date", "lib/domain/import_date.c", "return digits >= token->least;", "return digits > 0;"),
    # a number of any length right before another
    ("date", "lib/domain/import_date.c", "open = token->least != token->most;", ""),
    # what is masked may be compared
    ("filter", "lib/resource/filter.c", "masked ? operators_by_type[type] & UNMASKING : operators_by_type[type]",
     "operators_by_type[type]"),
    # a tree may have any number of terms
    ("filter", "lib/resource/filter_json.c", "if (!stw_reader_take_term(reader, path))", "if (false)"),
    # the bytes that were left are not moved to the front
    ("gb18030", "lib/core/gb18030.c", "memmove(decoder->carry, decoder->carry + size - left, left);", ""),
    # a byte that is none passes
    ("gb18030", "lib/core/gb18030.c", "*(*out)++ = '\\xff';", "*(*out)++ = *in;"),
    # the second of two lengths is taken
    ("guard", "server/guard.c", "if (singles[kind].name)", "if (singles[kind].name && kind != CONTENT_LENGTH)"),
    # both framings
    ("guard", "server/guard.c", "singles[CONTENT_LENGTH].name || strcmp", "strcmp"),
    # a name may have a blank
    ("guard", "server/guard.c", "[' '] = NOT_IN_HOST,", "[' '] = NOT_IN_HOST | TOKEN,"),
    # a line may end in a value
    ("guard", "server/guard.c", "((c < 0x20) & (c != '\\t'))", "((c < 0x0d) & (c != '\\t'))"),
    # an id of one character too many
    ("intake", "server/intake.c", "length >= 1 && length <= 64", "length >= 1 && length <= 65"),
    # version 00 may have more
    ("intake", "server/intake.c", "(strncmp(text, \"00\", 2) != 0 && text[55] == '-')", "text[55] == '-'"),
    # a plus in a name stays one
    ("intake", "server/intake.c", "query, name_length, true, &name", "query, name_length, false, &name"),
    # a tag may go on behind its end
    ("intake", "server/record_reply.c", "strchr(value + 1, '\"') != value + length - 1", "false"),
    # a tilde in a name is not written as one
    ("json", "lib/resource/input_json.c", "if (name[at] == '~')", "if (name[at] == '!')"),
    # a decimal of more places than the column has
    ("json", "lib/core/value.c", "fraction > (size_t)scale", "fraction > (size_t)scale + 1"),
    # a range that fits less counts as much
    ("negotiate", "server/negotiate.c", "match > best ||", "match >= best ||"),
    # the weight of what cannot be read counts
    ("negotiate", "server/negotiate.c", "return found >= 0;", "return true;"),
    # each Accept has the last word
    ("negotiate", "server/negotiate.c", "        sent = true;\n", "        sent = true;\n        best = quality = 0;\n"),
    # what is locked is written
    ("options", "lib/domain/import_options.c", "((grant->hidden | grant->locked) >> field & 1)", "(grant->hidden >> field & 1)"),
    # two columns for one field
    ("options", "lib/domain/import_options.c", "other->field == column->field", "false"),
    # what is masked is looked for
    ("options", "lib/domain/import_options.c", "((grant->hidden | grant->masked) >> field & 1)", "(grant->hidden >> field & 1)"),
    # half a unit
    ("options", "lib/domain/import_options.c", "strspn(unit + 1, \"0\") == (size_t)shift", "shift >= 0"),
    # an empty segment is one
    ("path", "server/router.c", "if (length == 0 || count == SEGMENTS_MAX)", "if (count == SEGMENTS_MAX)"),
    # a walk that does not arrive leaves its values
    ("path", "server/router.c", "        if (end)\n            walk->parameters", "        walk->parameters"),
    # a word that is none shows the field
    ("permissions", "lib/resource/actor.c", "json_string_value(word)) : WORD_HIDE;", "json_string_value(word)) : WORD_READ;"),
    # and opens the verb
    ("permissions", "lib/resource/actor.c", "(scope < 0 ? STW_NONE : scope)", "(scope < 0 ? STW_ALL : scope)"),
    # a part does not follow its parent
    ("permissions", "lib/resource/actor.c", "grant->scope[STW_DELETE] = above->scope[STW_UPDATE];",
     "grant->scope[STW_DELETE] = above->scope[STW_DELETE];"),
    # numbers are masked
    ("permissions", "lib/resource/actor.c", "(found == WORD_MASK && !can_be_masked(plan->fields[field].type))", "false"),
    # the last byte of a network is not looked at
    ("proxy", "server/proxy.c", "return rest == 0 ||", "return true ||"),
    # the walk goes on behind who is not trusted
    ("proxy", "server/proxy.c", "if (!srv_proxies_trust(proxies, address))", "if (false)"),
    # what cannot be read is passed over
    ("proxy", "server/proxy.c", "if (!address)\n            return true;",
     "if (!address) {\n            if (!start)\n                return false;\n            end = start - 1;\n"
     "            continue;\n        }"),
    # a list is sorted by what is masked
    ("query", "lib/resource/query_parts.c",
     "stw_access_visible(reader->ctx, plan) & ~stw_access_grant(reader->ctx, plan)->masked;",
     "stw_access_visible(reader->ctx, plan);"),
    # twice the same key
    ("query", "lib/resource/query_parts.c", "is_sorted_by(query, field)", "false"),
    # one word without :all binds none
    ("scopes", "lib/domain/scopes.c", "if (!word.all)\n            grant->source_bound = true;", "grant->source_bound = !word.all;"),
    # a right is handed on that is bounded
    ("scopes", "lib/domain/scopes.c", "grant->scope[verb] != STW_ALL)", "grant->scope[verb] == STW_NONE)"),
    # any suffix is :all
    ("scopes", "lib/domain/scopes.c", "(suffix && strcmp(suffix, \":all\") != 0)", "false"),
    # another password
    ("settings", "server/config_check.c", "|| strcasecmp(plain, \"sslpassword\") == 0", ""),
    # a password by an encoded name
    ("settings", "server/config_check.c", "if (c == '%' && length - at > 2", "if (false && c == '%' && length - at > 2"),
    # a quote in a password ends it
    ("settings", "server/config_check.c", "if (*value == '\\\\' && value[1])", "if (false)"),
    # overlong forms pass
    ("text", "lib/core/text.c", "first >= 0xc2 && first <= 0xdf", "first >= 0xc0 && first <= 0xdf"),
    # NUL passes among seven others
    ("text", "lib/core/text.c", "if (bytes[at] == '\\0')", "if (false)"),
    # any algorithm
    ("token", "server/token.c", "!alg || strcmp(alg, \"RS256\") != 0 || !kid", "!alg || !kid"),
    # members that ask for another treatment
    ("token", "server/token.c", "strcmp(name, \"kid\") != 0 && strcmp(name, \"typ\") != 0", "strcmp(name, \"kid\") == 1"),
    # one second too long
    ("token", "server/token.c", "claims.expires_at <= now", "claims.expires_at < now"),
    # another audience
    ("token", "server/token.c", "|| !is_text(payload, \"aud\", SRV_TOKEN_AUDIENCE)", ""),
    # 1900 was a leap year
    ("values", "lib/core/value_time.c", "(year % 4 == 0 && year % 100 != 0) || year % 400 == 0", "year % 4 == 0"),
    # an offset to the wrong side
    ("values", "lib/core/value_time.c", "(text[0] == '-' ? -1 : 1)", "(text[0] == '+' ? -1 : 1)"),
]


def commands(build, target, file):
    """How the file is compiled, and how the target is linked, as lists of words."""
    entries = json.loads((build / "compile_commands.json").read_text())
    compiled = shlex.split(next(entry["command"] for entry in entries if entry["file"] == str(PROJECT / file)))
    wanted = f"tests/fuzz_{target}"
    lines = subprocess.run(["ninja", "-C", build, "-t", "commands", wanted], check=True, capture_output=True, text=True)
    # ": && clang ... && :"
    linked = shlex.split(lines.stdout.splitlines()[-1])[2:-2]
    return compiled, linked


def plant(build, folder, fault):
    """A target with the fault, or None when there is no place for it any more."""
    target, file, right, wrong = fault
    text = (PROJECT / file).read_text()
    if text.count(right) != 1:
        return None
    source, made = folder / Path(file).name, folder / "planted.o"
    source.write_text(text.replace(right, wrong))
    compiled, linked = commands(build, target, file)
    compiled[compiled.index("-o") + 1] = str(made)
    compiled[-1] = str(source)
    # a mistake may leave things unused, or compare what is always so
    if subprocess.run([*compiled, "-w"], cwd=build).returncode:
        return None
    linked[linked.index("-o") + 1] = str(folder / "planted")
    linked.insert(linked.index("-o"), str(made))
    subprocess.run(linked, check=True, cwd=build)
    return folder / "planted"


def find(program, target, folder):
    """Seconds until the target stopped at an input, or None."""
    words = [program, f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=1024", "-verbosity=0", "-seed=1",
             f"-artifact_prefix={folder}/"]
    dictionary = HERE / "dictionaries" / f"{target}.dict"
    if dictionary.is_file():
        words.append(f"-dict={dictionary}")
    (folder / "grown").mkdir()
    start = time.monotonic()
    run = subprocess.run([*words, folder / "grown", HERE / "corpus" / target], capture_output=True, text=True, errors="replace")
    took = time.monotonic() - start
    stopped = [path for path in folder.iterdir() if path.name.startswith(("crash-", "leak-", "timeout-"))]
    assert bool(stopped) == bool(run.returncode), f"{target} did not work:\n{run.stderr[-2000:]}"
    return took if stopped else None


def main():
    build, wanted = Path(sys.argv[1]).resolve(), sys.argv[2:]
    faults = [fault for fault in FAULTS if not wanted or fault[0] in wanted]
    targets = {path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c")}
    if set(wanted) - targets:
        sys.exit(f"there is no target {', '.join(sorted(set(wanted) - targets))}")
    without = sorted(targets - {fault[0] for fault in FAULTS})
    failed = 0
    for target in without:
        print(f"planted {target}: no fault is planted in it")
    for fault in faults:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            program = plant(build, folder, fault)
            seconds = find(program, fault[0], folder) if program else None
        said = "has no place any more" if not program else f"found after {seconds:.1f} s" if seconds else "NOT FOUND"
        failed += seconds is None
        print(f"planted {fault[0]:9} {fault[1]:30} {said}: {fault[3].strip() or 'without'} "
              f"{'' if fault[3].strip() else fault[2].strip()}".replace("\n", " "), flush=True)
    print(f"fuzz: {len(faults) - failed} passed, {failed} failed")
    return 1 if failed or without else 0


if __name__ == "__main__":
    sys.exit(main())
