"""Every error that Outcrop raises on purpose, and what it means outside Python.

* OutcropError
  + UsageError               the call itself is wrong
    - UnknownTask            no room of this name
    - UnknownModel           no model of this name or file
    - OutputExists           the output folder holds other files
  + BadInput                 what came in cannot be used
    - UnknownFormat          no source reads this file
    - DamagedFile            the file is truncated or breaks its own format
    - TooLarge               more pixels or bytes than the limit
    - NoGeometry             traces or pixels cannot be put in their place
    - WrongUnit              a metre was needed, a degree or a millisecond came
    - NothingToSee           every pixel is the same, or none was observed
  + BadModel                 a model file is damaged, or made for another task
  + MissingExtra             an optional dependency is not installed
  + PartialResult            some inputs were refused, the others are done

A message names what came, what was wanted, and what to do next, in one sentence.
"""

from types import MappingProxyType


class OutcropError(Exception):
    """Base of every error below."""


class UsageError(OutcropError):
    """The call itself is wrong: an option, a name, a combination."""


class UnknownTask(UsageError):
    """No task room carries this name."""


class UnknownModel(UsageError):
    """No shipped model carries this name and no file lies at this path."""


class OutputExists(UsageError):
    """The output folder holds files that this run did not write."""


class BadInput(OutcropError):
    """What came in cannot be used."""


class UnknownFormat(BadInput):
    """No source reads this kind of file."""


class DamagedFile(BadInput):
    """The file is truncated or breaks the rules of its own format."""


class TooLarge(BadInput):
    """The input has more pixels or bytes than the limit."""


class NoGeometry(BadInput):
    """Traces or pixels cannot be put in their place."""


class WrongUnit(BadInput):
    """A quantity came in a unit that the formula cannot take."""


class NothingToSee(BadInput):
    """Every pixel is the same, or the sensor saw nothing."""


class BadModel(OutcropError):
    """A model file is damaged, unreadable, or made for another task."""


class MissingExtra(OutcropError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str, need: str = "") -> None:
        why = f" ({need})" if need else ""
        super().__init__(f"{module} is not installed{why}: run  pip install 'outcrop[{extra}]'")


class PartialResult(OutcropError):
    """Some inputs were refused; the results of the others are written."""


CODES = MappingProxyType(
    {
        OutcropError: (1, 500),
        UsageError: (2, 400),
        UnknownTask: (2, 404),
        UnknownModel: (2, 404),
        OutputExists: (2, 409),
        BadInput: (3, 422),
        UnknownFormat: (3, 415),
        DamagedFile: (3, 422),
        TooLarge: (3, 422),
        NoGeometry: (3, 422),
        WrongUnit: (3, 422),
        NothingToSee: (3, 422),
        BadModel: (3, 422),
        MissingExtra: (2, 501),
        PartialResult: (4, 207),
    }
)
"""Error → (exit code of the command line, HTTP status of the service). Exit 0 is success, 1 a defect of Outcrop itself."""


def exit_code(error: BaseException) -> int:
    """Exit code of the nearest class in the tree; 1 for anything that is not an OutcropError."""
    return next((CODES[kind][0] for kind in type(error).__mro__ if kind in CODES), 1)


def http_status(error: BaseException) -> int:
    """HTTP status of the nearest class in the tree; 500 for anything that is not an OutcropError."""
    return next((CODES[kind][1] for kind in type(error).__mro__ if kind in CODES), 500)
