"""A detector's own class names → the room's classes, by name and never by position."""

import ast
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from outcrop.core.errors import BadModel, UsageError

SYNONYMS = MappingProxyType(
    {
        "fire": "flame", "fires": "flame", "flames": "flame", "огонь": "flame", "пламя": "flame",
        "smokes": "smoke", "plume": "smoke", "plumes": "smoke", "дым": "smoke",
    }
)  # fmt: skip
"""What others call the classes → what a room calls them."""

LEFT_OUT = "-"
"""Name that a user gives to a class that shall not be looked at."""


def literal(text: str) -> Any:
    """A value written the way Python writes it; None where it is not one."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def named(text: str) -> tuple[str, ...]:
    """Class names that exporters leave in a file's metadata; empty where the text is nothing of the kind.

    >>> named("{0: 'fire', 1: 'smoke'}"), named("['fire', 'smoke']"), named("fire")
    (('fire', 'smoke'), ('fire', 'smoke'), ())
    """
    value = literal(text)
    if isinstance(value, dict) and sorted(map(str, value)) == sorted(map(str, range(len(value)))):
        return tuple(str(name) for _, name in sorted(value.items(), key=lambda item: int(item[0])))
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()


def place_of(name: str, classes: Sequence[str], synonyms: Mapping[str, str] = SYNONYMS) -> int:
    """Position of a class among the room's; -1 where the room does not know it.

    >>> place_of("Fire", ("flame", "smoke")), place_of("steam", ("flame", "smoke"))
    (0, -1)
    """
    plain = name.strip().casefold()
    known = [one.casefold() for one in classes]
    meant = plain if plain in known else synonyms.get(plain, plain)
    return known.index(meant) if meant in known else -1


def agreed(
    own: tuple[str, ...], given: Sequence[str] | None, classes: Sequence[str], synonyms: Mapping[str, str], file: str
) -> tuple[str, ...]:
    """The user's names, held against the file's: unknown words may be explained, known ones not turned around.

    Raises:
        UsageError: another number of names than the file has, or one that contradicts the file's.
    """
    if given is None:
        return own
    if own and len(own) != len(given):
        raise UsageError(
            f"{file} has {len(own)} classes ({', '.join(own)}) and {len(given)} names came: give one for each"
        )
    for theirs, ours in zip(own, given, strict=False):
        meant = place_of(theirs, classes, synonyms)
        if meant >= 0 and ours != LEFT_OUT and place_of(ours, classes, synonyms) != meant:
            raise UsageError(
                f"{file} calls a class {theirs!r} and the names given call it {ours!r}: give the names in the file's own "
                f"order, {', '.join(own)}"
            )
    return tuple(given)


def matched(names: tuple[str, ...], classes: Sequence[str], synonyms: Mapping[str, str], file: str) -> tuple[int, ...]:
    """Position among the room's classes of each of the file's; -1 for those left out.

    Raises:
        BadModel: a class that the room does not know, one that comes twice, or none at all.
    """
    places = [-1 if name == LEFT_OUT else place_of(name, classes, synonyms) for name in names]
    for name, place in zip(names, places, strict=True):
        if place < 0 and name != LEFT_OUT:
            raise BadModel(
                f"{file} sees the class {name!r}, and {' or '.join(classes)} is wanted: name its classes in its order, "
                f"and {LEFT_OUT!r} for one to leave out"
            )
    used = [place for place in places if place >= 0]
    if not used or len(set(used)) < len(used):
        raise BadModel(
            f"{file} has the classes {', '.join(names) or '(none)'}: each of {', '.join(classes)} may come at most once"
        )
    return tuple(places)
