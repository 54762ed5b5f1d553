"""Writes src/api/zones.txt: the time zones that a CronJob may name, by the rules that hold from now on.

Usage: python3 tools/zones.py [/usr/share/zoneinfo] > src/api/zones.txt

Each line is `OFFSET AREA=NAME,NAME AREA=NAME...` or `OFFSET SAVED BEGIN END AREA=...`: minutes east of Greenwich; how many more in
summer; when that begins and ends, as MONTH.WEEK.WEEKDAY/MINUTES in the local time of that moment (week 5: the last). The rules are the
POSIX strings at the end of the compiled zones.
"""

import os
import re
import sys

root = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/zoneinfo"
SKIPPED = {"posix", "right", "Factory", "localtime", "posixrules"}


def minutes(text):
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0]
    assert len(parts) < 3 or not parts[2], text
    return sign * (parts[0] * 60 + parts[1])


def rule(posix):
    name = r"(?:<[^>]+>|[A-Za-z]+)"
    time = r"[+-]?[0-9:]+"
    found = re.fullmatch(rf"{name}({time})(?:{name}({time})?,M([0-9.]+)(?:/({time}))?,M([0-9.]+)(?:/({time}))?)?", posix)
    assert found, posix
    standard, summer, begin, begin_time, end, end_time = found.groups()
    offset = -minutes(standard)
    if not begin:
        return f"{offset}"
    saved = -minutes(summer) - offset if summer else 60
    return f"{offset} {saved} {begin}/{minutes(begin_time or '2')} {end}/{minutes(end_time or '2')}"


rules = {}
for directory, _, files in os.walk(root):
    for file in files:
        path = os.path.join(directory, file)
        name = os.path.relpath(path, root)
        if name.split("/")[0] in SKIPPED:
            continue
        with open(path, "rb") as opened:
            data = opened.read()
        if data.startswith(b"TZif"):
            area, _, last = name.rpartition("/")
            rules.setdefault(rule(data.split(b"\n")[-2].decode()), {}).setdefault(area, []).append(last)
for text, areas in sorted(rules.items(), key=lambda item: (int(item[0].split()[0]), item[0])):
    print(text, *(f"{area}={','.join(sorted(names))}" for area, names in sorted(areas.items())))
