"""The fields of a TripDescriptor that are texts of a form: dates and times of GTFS."""

import re
from datetime import date

_START_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)", re.ASCII)
_START_DATE = re.compile(r"((?:19|20|21)\d{2})(\d{2})(\d{2})", re.ASCII)


def seconds(text: str) -> int | None:
    """Seconds after noon minus 12 h of a GTFS time, HH:MM:SS; None where it is none."""
    found = _START_TIME.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, rest = map(int, found.groups())
    return hours * 3600 + minutes * 60 + rest


def gtfs_time(after: int) -> str:
    """HH:MM:SS of seconds after noon minus 12 h."""
    return f"{after // 3600:02}:{after // 60 % 60:02}:{after % 60:02}"


def day(text: str) -> date | None:
    """The date of YYYYMMDD; None where it is none."""
    found = _START_DATE.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None
