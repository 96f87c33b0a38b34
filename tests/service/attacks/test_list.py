"""The list of threats in docs/service.md against the tests: every line has tests that name its number and its statuses."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
LIST = PAGE.split("\n## Threats and answers\n")[1].split("\n## ")[0]


def by_threat() -> dict[int, str]:
    """Number of a threat → source of the tests whose docstrings name it, decorators included."""
    found: dict[int, str] = {}
    for path in sorted(HERE.glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            told = (
                re.match(r"Threats? ([\d, ]+)", ast.get_docstring(node) or "")
                if isinstance(node, ast.FunctionDef)
                else None
            )
            if told and isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
                source = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
                for number in map(int, re.findall(r"\d+", told[1])):
                    found[number] = found.get(number, "") + source
    return found


def test_every_threat_has_a_test_that_names_it_and_no_test_names_another() -> None:
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", LIST, re.MULTILINE)]
    assert listed == list(range(1, 35)) == sorted(by_threat())


def test_every_status_that_is_promised_stands_in_a_test() -> None:
    tests = by_threat()
    for number, statuses in re.findall(r"^\| (\d+) \|[^|]*\| ([\d, ]+) \|", LIST, re.MULTILINE):
        lost = [status for status in statuses.split(", ") if status not in tests[int(number)]]
        assert not lost, f"no test of threat {number} speaks of {', '.join(lost)}"
