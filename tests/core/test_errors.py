"""The error tree drawn at the top of the file is the tree that exists, and every error has its codes."""

import inspect
import re
from collections.abc import Iterator

import pytest

from outcrop.core import errors
from outcrop.core.errors import CODES, MissingExtra, OutcropError, exit_code, http_status

CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, BaseException) and kind.__module__ == errors.__name__
}


def drawn() -> Iterator[tuple[str, str | None]]:
    """(name, name of its parent) of every line of the tree in the docstring."""
    path: list[tuple[int, str]] = []
    for indent, name in re.findall(r"^( *)[*+-] (\w+)", errors.__doc__ or "", re.MULTILINE):
        path = [step for step in path if step[0] < len(indent)]
        yield name, path[-1][1] if path else None
        path.append((len(indent), name))


def test_the_tree_drawn_is_the_tree_that_exists() -> None:
    exists = {
        name: next((b.__name__ for b in kind.__bases__ if b.__name__ in CLASSES), None)
        for name, kind in CLASSES.items()
    }
    assert dict(drawn()) == exists


def test_every_error_has_an_exit_code_and_a_status() -> None:
    assert set(CODES) == set(CLASSES.values())


@pytest.mark.parametrize("kind", CLASSES.values(), ids=lambda k: k.__name__)
def test_the_codes_are_in_range(kind: type[OutcropError]) -> None:
    code, status = CODES[kind]
    assert 1 <= code <= 4
    assert 200 <= status < 600
    assert (exit_code(kind.__new__(kind)), http_status(kind.__new__(kind))) == (code, status)


@pytest.mark.parametrize(("name", "code"), [("UsageError", 2), ("BadInput", 3), ("PartialResult", 4)])
def test_a_whole_branch_shares_its_exit_code(name: str, code: int) -> None:
    assert {CODES[kind][0] for kind in CLASSES.values() if issubclass(kind, CLASSES[name])} == {code}


def test_a_new_leaf_takes_the_codes_of_its_branch() -> None:
    class Scratched(errors.DamagedFile):
        """A leaf that the table does not know."""

    assert (exit_code(Scratched("x")), http_status(Scratched("x"))) == CODES[errors.DamagedFile]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OutcropError("x")], ids=repr)
def test_a_defect_exits_with_1(error: BaseException) -> None:
    assert (exit_code(error), http_status(error)) == (1, 500)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CODES[OutcropError] = (9, 999)  # type: ignore[index]


def test_a_missing_extra_says_what_to_install() -> None:
    assert str(MissingExtra("torch", "learn")) == "torch is not installed: run  pip install 'outcrop[learn]'"
    assert "(training needs it)" in str(MissingExtra("torch", "learn", "training needs it"))
