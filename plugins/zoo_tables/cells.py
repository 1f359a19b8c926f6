"""What is written in a cell: numbers, dates, durations, ranges; read as a number, or as nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

MISSING = frozenset(("", "na", "n/a", "nan", "null", "nat", "<na>", "?"))
"""What stands in a cell without a value, lower case."""

_NUMBER = re.compile(r"[$€£]?\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*%?")
_THOUSANDS = re.compile(r"[$€£]?\s*([+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?)\s*%?")
_WHOLE = re.compile(r"[+-]?\d+\.0+")
_RANGE = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:to|\.\.|-|–|—)\s*([+-]?\d+(?:\.\d+)?)", re.IGNORECASE)
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*(?:,|and)?\s*")
_ISO = re.compile(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?Z?)?)?")
_WRITTEN = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")

YEAR = 365.25
"""Days of a year; a month is a twelfth of it."""

_DAYS: Mapping[str, float] = {
    **dict.fromkeys(("year", "years", "yr", "yrs", "y"), YEAR),
    **dict.fromkeys(("month", "months", "mo", "mos", "mth", "mths"), YEAR / 12),
    **dict.fromkeys(("week", "weeks", "wk", "wks", "w"), 7.0),
    **dict.fromkeys(("day", "days", "d"), 1.0),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 1 / 24),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), 1 / 1440),
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1 / 86400),
}


def text_of(value: Any) -> str:
    """Return a cell as text, the same for the same value however it was handed over; "" where there is none.

    Args:
        value: a text, a number, a truth value, a date, or None; numbers of NumPy and pandas too.

    Raises:
        TypeError: it is something else.
    """
    plain = value.item() if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 else value
    if plain is None:
        return ""
    if isinstance(plain, bool | int):
        return str(plain)
    if isinstance(plain, float):
        if math.isnan(plain):
            return ""
        return str(int(plain)) if plain.is_integer() and abs(plain) < 1e15 else repr(plain)
    if isinstance(plain, str):
        text = plain.strip()
        if text.lower() in MISSING:
            return ""
        return text.partition(".")[0] if _WHOLE.fullmatch(text) else text
    if isinstance(plain, date):  # datetime too, and the Timestamp of pandas
        text = str(plain.isoformat()).replace("T00:00:00", "")
        return "" if text == "NaT" else text
    if type(plain).__name__ in ("NAType", "NaTType"):
        return ""
    raise TypeError(f"a cell is a text, a number, a date or nothing; got {type(plain).__name__}")


def number(text: str) -> float | None:
    """Return a number as it is written, with a currency, a percent sign or commas between thousands too."""
    match = _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text)
    if match is None:
        return None
    value = float(match.group(1).replace(",", ""))
    return value if math.isfinite(value) else None


def middle(text: str) -> float | None:
    """Return the middle of a range: 11 of "10 TO 12"."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last = (float(end) for end in match.groups())
    return (first + last) / 2 if first <= last else None


def years(text: str) -> float | None:
    """Return a duration in years: 61.333 of "61 years 04 months"."""
    lower, position, days = text.lower(), 0, 0.0
    while position < len(lower):
        match = _PARTS.match(lower, position)
        if match is None or match.group(2) not in _DAYS:
            return None
        days += float(match.group(1)) * _DAYS[match.group(2)]
        position = match.end()
    return days / YEAR if position else None


def days(text: str, *, day_first: bool = True) -> float | None:
    """Return a date as the days since 1970-01-01: "2016-07", "2016-07-31", "2016-07-31 08:30" and "31/07/2016"."""
    match = _ISO.fullmatch(text)
    try:
        if match is not None:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            moment = datetime(year, month, day or 1, hour, minute, second)
        elif (written := _WRITTEN.fullmatch(text)) is not None:
            first, second, year = map(int, written.groups())
            day, month = (first, second) if day_first else (second, first)
            moment = datetime(year, month, day)
        else:
            return None
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1)).total_seconds() / 86400


def american(text: str) -> float | None:
    """Return a date whose month is written first as the days since 1970-01-01: "07/31/2016"."""
    return days(text, day_first=False)


READERS: Mapping[str, Callable[[str], float | None]] = {
    "number": number,
    "date": days,
    "american date": american,
    "range": middle,
    "duration": years,
}
"""Kind of a column -> what reads its cells, in the order in which they are tried."""


def value_of(text: str, kind: str) -> float | None:
    """Return what a cell of a column of some kind is worth; None where it cannot be read.

    A table may change its way of writing from one year to the next: 70 and "70 years 0 months" are the same.
    """
    reader = READERS[kind]
    value = reader(text)
    if value is None and kind in ("number", "range", "duration"):
        others = (read for name, read in READERS.items() if name in ("number", "range", "duration") and read != reader)
        value = next((number for read in others if (number := read(text)) is not None), None)
    return value
