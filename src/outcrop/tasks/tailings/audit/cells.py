"""Cells of a register as numbers: degrees in any common writing, and areas with a decimal comma or a decimal point.

Registers of Brazil and Chile write 57.463.773,00 and -15°55'09.590", spreadsheets write 35,272.00 and -20,061944.
A cell that can be read in two ways is not guessed: the column says which separator is the decimal one, or the user.
"""

import re
from collections.abc import Iterable
from math import isnan
from typing import Any

EMPTY = frozenset({"", "-", "--", "n/a", "na", "nan", "none", "null", "nd", "n/d", "s/i", "sem informação"})
"""What registers write where they know nothing."""

NUMBER = r"(\d+(?:[.,]\d+)?)"
ANGLE = re.compile(
    rf"([+-])?\s*{NUMBER}\s*(?:[°º:d]\s*(?:{NUMBER}\s*(?:['´’′:m]\s*(?:{NUMBER}\s*(?:[\"”″]|'')?)?)?)?)?\s*([NSEWOL])?",
    re.IGNORECASE,
)
"""Sign, degrees, minutes, seconds, hemisphere; O is west (oeste), L is east (leste)."""

GROUPED = {
    ".": re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?"),
    ",": re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?"),
}
"""Decimal separator → what a number then looks like, thousands grouped or not."""


def text_of(cell: Any) -> str:
    """A cell as text without blanks at its ends; what stands for nothing is ""."""
    text = "" if cell is None else str(cell).replace("\u2212", "-").replace("\xa0", " ").strip()
    return "" if text.casefold() in EMPTY else text


def degrees(cell: Any) -> float | None:
    """Longitude or latitude in degrees; None when the cell is not an angle.

    Reads decimal degrees with point or comma, degrees-minutes-seconds, signs and hemisphere letters. A comma is always
    the decimal one: no angle has thousands.

    >>> degrees("-15°30'09.000"), degrees("-20,061944"), degrees("43:45:00,000 O"), degrees("north")
    (-15.5025, -20.061944, -43.75, None)
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return None if isnan(cell) else float(cell)
    found = ANGLE.fullmatch(text_of(cell))
    if found is None:
        return None
    sign, whole, minutes, seconds, side = found.groups()
    parts = [float((part or "0").replace(",", ".")) for part in (whole, minutes, seconds)]
    west_or_south = (side or "").upper() in ("S", "W", "O")
    if parts[1] >= 60 or parts[2] >= 60 or (sign == "-" and side and not west_or_south):
        return None
    value = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -value if sign == "-" or west_or_south else value


def decimal_mark(text: str) -> str | None:
    """Which separator a number shows to be the decimal one: ".", "," or None when it shows nothing.

    >>> decimal_mark("57.463.773,00"), decimal_mark("35,272.00"), decimal_mark("35,272"), decimal_mark("2.5")
    (',', '.', None, '.')
    """
    marks = [mark for mark in text if mark in ".,"]
    if not marks:
        return None
    last = marks[-1]
    other = "," if last == "." else "."
    if other in marks:
        return last
    if len(marks) > 1:
        return other
    before, after = text.lstrip("+-").split(last)
    return None if len(after) == 3 and 1 <= len(before) <= 3 and not before.startswith("0") else last


def decimal_marks(cells: Iterable[Any]) -> set[str]:
    """The decimal separators that a column's texts show; numbers of spreadsheets show none."""
    return {mark for cell in cells if isinstance(cell, str) and (mark := decimal_mark(text_of(cell).replace(" ", "")))}


def number(cell: Any, decimal: str) -> float | None:
    """A cell as a number; None when it is empty or not a number with this decimal separator.

    >>> number("57.463.773,00", ","), number("35,272.00", "."), number("35,272.00", ","), number(12.5, ",")
    (57463773.0, 35272.0, None, 12.5)
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return None if isnan(cell) else float(cell)
    text = text_of(cell).replace(" ", "")
    if not GROUPED[decimal].fullmatch(text):
        return None
    return float(text.replace("." if decimal == "," else ",", "").replace(",", "."))
