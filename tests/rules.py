"""docs/rules.md: each rule of GTFS-Realtime that touches an arrival, and the tests that hold it.

    python tests/rules.py        writes it; tests/unit/test_rules.py fails while it is out of date

A test belongs to rule 28 if its name has `rule_28_`, to another project's case T9 if it begins with
`test_t9_`, or if that is a parameter `case` of it.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "rules.md"

RULES = {
    1: "Ids mean entities of the one schedule that the feed belongs to; an empty message says that nothing is known.",
    2: "A message replaces all that the endpoint said before; DIFFERENTIAL is refused, a deleted entity is ignored.",
    3: "An entity's id says nothing; state is kept by trip instance.",
    4: "All times are POSIX seconds; a header without a timestamp counts as made when it came.",
    5: "An older message than the last one is ignored, the same one again changes nothing.",
    6: "Trips and vehicles are fresh for 90 seconds by their own timestamps; what is too old is withdrawn.",
    7: "What is not set has no value, and a time of 0 is not set.",
    8: "A feed_version in the header names the schedule that is meant.",
    9: "Unknown fields and extensions disturb nothing.",
    10: "A trip instance is trip_id, service date and, for frequency trips, start_time; without a date the nearest run is meant.",
    11: "A run of a frequency trip needs its start_time; with exact_times it lies on the grid.",
    12: "A start_time given for a scheduled trip is the scheduled one.",
    13: "Without trip_id: route, direction, start date and time, which must fit exactly one trip.",
    14: "None or several instances is an error; a route_id that contradicts the schedule is counted.",
    15: "One update per instance; none means no realtime, never on time.",
    16: "What each schedule_relationship of a trip does; a trip that is told twice is counted once.",
    17: "A modified_trip stands for the trip as its modification leaves it.",
    18: "A stop time is found by stop_sequence, else by stop_id; if both are given they must agree.",
    19: "stop_sequence only grows along an update, and may have gaps.",
    20: "assigned_stop_id moves the call to that stop; stop_headsign, pickup_type and drop_off_type replace the schedule's.",
    21: "What each schedule_relationship of a stop time does; NO_DATA holds onward.",
    22: "One of arrival and departure is enough.",
    23: "time wins over delay; a delay needs a schedule to be added to.",
    24: "Scheduled times count from noon minus 12 hours of the service day in the agency's zone.",
    25: "scheduled_time gives the schedule of trips that the timetable does not have; elsewhere the timetable's counts.",
    26: "A delay means nothing where there is no schedule.",
    27: "uncertainty is told as given; never with NO_DATA.",
    28: "The past may be dropped by the producer; what was seen departed stays departed, the end of a trip is its end.",
    29: "A delay goes on to all later stops until another is told.",
    30: "A delay passes over skipped stops.",
    31: "NO_DATA ends a delay.",
    32: "Nothing is known of stops before the first one that is told.",
    33: "TripUpdate.delay counts until a stop has a delay of its own.",
    34: "Predicted times never decrease along a trip.",
    35: "Nothing goes on from one trip of a block to the next.",
    36: "Modifications change the schedule of the listed trips on the listed days, while they are in the feed.",
    37: "A modification replaces stops by others and moves the later ones.",
    38: "An update of the unmodified trip predicts the stops that both have, and no replacement stop.",
    39: "Stops and shapes that come with the message are not read; what refers to such a stop is counted.",
    40: "departure_occupancy_status is that of its stop.",
    41: "Vehicles of a trip are joined with it, and never predict.",
    42: "An alert concerns what any of its informed entities names, each with all that it says.",
    43: "A trip of which all stops are skipped serves none.",
}  # fmt: skip

HEAD = """\
# From rule to test

What GTFS-Realtime says about arrivals (reference and best practices of 2026), in our words and our numbers, and the tests that hold it. Test names
carry the number. Made from them by `python tests/rules.py`; what the specification leaves open is decided in
[0005](decisions/0005-predictions.md) and the records after it.
"""
CASES = """\
## Cases of other projects

Expectations of other consumers and validators of GTFS-Realtime, by the letter and number that our tests give them: F real files with exact values, P
propagation, T whole trips, R what is to be rejected.
"""


def test_names() -> Iterator[tuple[str, str]]:
    """Name of each test and its file, in the order of both; of each case that is a parameter, too."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test in ast.parse(path.read_text()).body:
            if (
                isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef)
                and test.name[:5] == "test_"
            ):
                marks = " ".join(map(ast.unparse, test.decorator_list))
                parameters = re.search(r"parametrize\('case', \[(.+?)\]", marks)
                cases = re.findall(r"'(\w+)'", parameters[1].lower()) if parameters else []
                names = [f"test_{case}_{test.name[5:]}" for case in cases] or [test.name]
                for name in names:
                    yield name, str(path.relative_to(ROOT / "tests"))


def rows(pattern: str) -> Mapping[str, list[str]]:
    """The tests, as links, by what `pattern` finds in their names."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, file in test_names():
        for number in re.findall(pattern, name):
            link = f"[{name.removeprefix('test_')}](../tests/{file})"
            if link not in found[number]:
                found[number].append(link)
    return found


def page() -> str:
    by_rule, by_case = rows(r"rule_(\d+)_"), rows(r"^test_([fprt]\d+)_")
    lines = [HEAD, "| rule | what it asks for | tests |", "|---|---|---|"]
    for number, wording in RULES.items():
        tests = "<br>".join(by_rule.get(str(number), ["none by name"]))
        lines.append(f"| {number} | {wording} | {tests} |")
    lines += ["", CASES, "| case | tests |", "|---|---|"]
    for case in sorted(by_case, key=lambda case: (case[0], int(case[1:]))):
        lines.append(f"| {case.upper()} | {'<br>'.join(by_case[case])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
