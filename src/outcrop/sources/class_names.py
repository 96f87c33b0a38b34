"""Lists of class names: a name a line, or the `names:` of a YOLO data file."""

import re
from pathlib import Path

from outcrop.core.errors import BadInput

KEY = re.compile(r"^names\s*:\s*(.*)$")
LISTED = re.compile(r"^\s*-\s+(.+)$")
ITEM = re.compile(r"""\s*(?:(\d+)\s*:\s*)?(?:'([^']*)'|"([^"]*)"|([^,'"\[\]{}:*&!][^,'"\[\]{}:]*?))\s*(?:,|$)""")
NUMBERED = re.compile(r"^\s+(\d+)\s*:\s*(.+)$")


def read_names(path: Path) -> tuple[str, ...]:
    """Class names in the order of their numbers.

    ``classes.txt`` and the like hold one name a line; ``.yaml`` files a key ``names`` with a list (``[a, b]`` or lines
    ``- a``) or numbers (``{0: a}`` or lines ``0: a``). Anything cleverer is refused, not guessed.

    Raises:
        BadInput: no such file, none of these forms, a number left out, or a name that comes twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}): give a text file with the class names") from None
    if path.suffix.lower() in (".yaml", ".yml"):
        names = _from_yaml(lines, path.name)
    else:
        names = [line.strip() for line in lines if line.strip()]
    if not names or len(set(names)) != len(names) or not all(names):
        raise BadInput(
            f"{path.name} names the classes {', '.join(names) or '(none)'}: wanted one name for each, none twice"
        )
    return tuple(names)


def _from_yaml(lines: list[str], file: str) -> list[str]:
    """The names under the key ``names``."""
    start = [number for number, line in enumerate(lines) if KEY.match(line)]
    if len(start) != 1:
        raise BadInput(f"{file} has {len(start)} keys 'names'; wanted one, with a list of the class names")
    rest = _plain(KEY.sub(r"\1", lines[start[0]]))
    if rest:
        return _inline(rest, file)
    listed: list[str] = []
    numbered: dict[int, str] = {}
    for line in lines[start[0] + 1 :]:
        plain = _plain(line)
        if not plain:
            continue
        if match := LISTED.match(plain):
            listed.append(_unquoted(match[1]))
        elif match := NUMBERED.match(plain):
            if int(match[1]) in numbered:
                raise BadInput(f"{file} gives the class {match[1]} two names: wanted one for each")
            numbered[int(match[1])] = _unquoted(match[2])
        elif plain[0].isspace():
            raise BadInput(f"{file}: {plain.strip()[:60]!r} is no class name; wanted '- name' or 'number: name'")
        else:
            break
    if listed and numbered:
        raise BadInput(f"{file} mixes a list and numbers under 'names': wanted one of them")
    return listed or _in_order(numbered, file)


def _plain(line: str) -> str:
    """The line without a comment."""
    return re.sub(r"(^|\s)#.*$", "", line).rstrip()


def _unquoted(text: str) -> str:
    plain = text.strip()
    quoted = len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "'\""
    return plain[1:-1] if quoted else plain


def _inline(text: str, file: str) -> list[str]:
    """``[a, 'b']`` or ``{0: a, 1: b}``."""
    listed: list[str] = []
    numbered: dict[int, str] = {}
    inner, place = text[1:-1].strip().removesuffix(","), 0
    while place < len(inner):
        item = ITEM.match(inner, place)
        if item is None:
            break
        name = next(part for part in item.groups()[1:] if part is not None)
        if item[1] is None:
            listed.append(name)
        else:
            numbered[int(item[1])] = name
        place = item.end()
    kind = text[0] + text[-1]
    if place < len(inner) or kind not in ("[]", "{}") or (listed if kind == "{}" else numbered):
        raise BadInput(
            f"{file}: 'names: {text[:60]}' is not understood; wanted [first, second] or a list, a name a line"
        )
    return listed or _in_order(numbered, file)


def _in_order(numbered: dict[int, str], file: str) -> list[str]:
    if sorted(numbered) != list(range(len(numbered))):
        raise BadInput(f"{file} numbers its classes {sorted(numbered)}; wanted 0, 1, 2 … without a gap")
    return [numbered[number] for number in range(len(numbered))]
