"""What a gas is made of, and what follows from that alone: heating values, carbon, molar mass, molar density.

Ideal gas at 101.325 kPa. Heats of combustion are molar, at 25 °C (superior values of ISO 6976:1995; the inferior ones
leave out 44.016 kJ per mole of water formed, heat of vaporisation at 25 °C), so a heating value per m³ is the molar
one times the molar density at the reference temperature of the volume. The ideal gas errs by 0.2 % on methane, by 1 %
on rich gas; next to the factor of two of a photo that is nothing.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from outcrop.core.errors import BadInput, DamagedFile, WrongUnit

GAS_CONSTANT = 8.314462618
"""J/(mol K)."""

PRESSURE = 101_325.0
"""Pa, of every volume."""

REFERENCES = MappingProxyType({"0": 0.0, "15": 15.0, "15.56": 15.56, "20": 20.0})
"""Reference temperatures of gas volumes, °C: normal m³ (0), ISO 13443 (15), US scf (60 °F), Russian m³ (20)."""

DEFAULT_REFERENCE = 15.0
"""°C, of ISO 13443."""

SUM_TOLERANCE = 0.005
"""How far the mole fractions of an analysis may miss 1."""

MASSES = MappingProxyType({"C": 12.0107, "H": 1.00794, "N": 14.0067, "O": 15.9994, "S": 32.065})
WATER_HEAT = 44.016
"""kJ/mol, heat of vaporisation at 25 °C."""

Basis = Literal["analysis", "preset", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One gas.

    Attributes:
        molar_mass: g/mol.
        carbon: carbon atoms that a flame can oxidise, per molecule; 0 for CO2, whose carbon is oxidised already.
        higher, lower: heat of combustion with the water condensed and as vapour, kJ/mol at 25 °C.
    """

    molar_mass: float
    carbon: int = 0
    higher: float = 0.0
    lower: float = 0.0


def _fuel(carbon: int, hydrogen: int, higher: float, *, oxygen: int = 0, sulphur: int = 0) -> Component:
    counts = {"C": carbon, "H": hydrogen, "O": oxygen, "S": sulphur}
    mass = sum(MASSES[element] * count for element, count in counts.items())
    return Component(molar_mass=mass, carbon=carbon, higher=higher, lower=higher - hydrogen / 2 * WATER_HEAT)


COMPONENTS: Mapping[str, Component] = MappingProxyType(
    {
        "C1": _fuel(1, 4, 890.63),
        "C2": _fuel(2, 6, 1560.69),
        "C3": _fuel(3, 8, 2219.17),
        "C4": _fuel(4, 10, 2877.40),
        "iC4": _fuel(4, 10, 2868.20),
        "C5": _fuel(5, 12, 3535.77),
        "iC5": _fuel(5, 12, 3528.83),
        "C6": _fuel(6, 14, 4194.95),
        "C7": _fuel(7, 16, 4853.43),
        "C8": _fuel(8, 18, 5511.80),
        "C2H4": _fuel(2, 4, 1411.18),
        "C3H6": _fuel(3, 6, 2058.02),
        "C6H6": _fuel(6, 6, 3301.43),
        "H2": _fuel(0, 2, 285.83),
        "CO": _fuel(1, 0, 282.98, oxygen=1),
        "H2S": _fuel(0, 2, 562.01, sulphur=1),
        "CO2": Component(molar_mass=44.0095),
        "N2": Component(molar_mass=28.0134),
        "O2": Component(molar_mass=31.9988),
        "Ar": Component(molar_mass=39.948),
        "He": Component(molar_mass=4.002602),
        "H2O": Component(molar_mass=18.01528),
    }
)

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "C1": "ch4, methane",
        "C2": "c2h6, ethane",
        "C3": "c3h8, propane",
        "C4": "c4h10, nc4, n-c4, butane, n-butane, c4+",
        "iC4": "i-c4, isobutane, i-butane",
        "C5": "c5h12, nc5, n-c5, pentane, n-pentane, c5+, pentanes+",
        "iC5": "i-c5, isopentane, i-pentane",
        "C6": "c6h14, nc6, n-c6, hexane, n-hexane, c6+, hexanes+",
        "C7": "c7h16, heptane, n-heptane, c7+",
        "C8": "c8h18, octane, n-octane, c8+",
        "C2H4": "ethylene, ethene",
        "C3H6": "propylene, propene",
        "C6H6": "benzene",
        "H2": "hydrogen",
        "CO": "carbon monoxide",
        "H2S": "hydrogen sulphide, hydrogen sulfide",
        "CO2": "carbon dioxide",
        "N2": "nitrogen",
        "O2": "oxygen",
        "Ar": "argon",
        "He": "helium",
        "H2O": "water",
    }
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {name: key for key, names in _NAMES.items() for name in (key.lower(), *names.split(", "))}
)
"""Names that analyses use → components; "C5+" counts as pentane, "C6+" as hexane, "C7+" as heptane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """A gas by its mole fractions.

    Attributes:
        fractions: component → mole fraction; they sum to 1.
        source: where the composition comes from.
        basis: "analysis" given by the user, "preset" chosen by the user, "default" when nothing was said.
    """

    fractions: Mapping[str, float]
    source: str
    basis: Basis = "analysis"

    def per_mole(self, what: Literal["molar_mass", "carbon", "higher", "lower"]) -> float:
        """Mean of a component's property over the molecules, in the property's unit."""
        return float(sum(share * getattr(COMPONENTS[name], what) for name, share in self.fractions.items()))

    @property
    def molar_mass(self) -> float:
        """g/mol."""
        return self.per_mole("molar_mass")

    @property
    def carbon(self) -> float:
        """Moles of carbon that can burn in one mole of gas; CO2 in the gas is not among them."""
        return self.per_mole("carbon")

    def share(self, name: str) -> float:
        """Mole fraction of one component, 0 where the gas has none of it."""
        return float(self.fractions.get(name, 0.0))

    def lower_heating_value(self, reference: float) -> float:
        """MJ per m³ at the reference temperature, °C: water leaves as vapour (net heating value)."""
        return self.per_mole("lower") * 1e-3 * molar_density(reference)

    def higher_heating_value(self, reference: float) -> float:
        """MJ per m³ at the reference temperature, °C: water condenses (gross heating value)."""
        return self.per_mole("higher") * 1e-3 * molar_density(reference)

    def density(self, reference: float) -> float:
        """kg/m³ at the reference temperature, °C."""
        return self.molar_mass * 1e-3 * molar_density(reference)

    def __str__(self) -> str:
        return ", ".join(f"{name}={share:.4g}" for name, share in self.fractions.items() if share)


def molar_density(reference: float) -> float:
    """mol of ideal gas in a m³ at 101.325 kPa and the reference temperature, °C.

    >>> round(molar_density(0.0), 3), round(molar_density(20.0), 3)
    (44.615, 41.571)
    """
    return PRESSURE / (GAS_CONSTANT * (reference + 273.15))


def reference_of(given: str | float) -> float:
    """A reference temperature, °C, from what a user types.

    >>> reference_of("60 F"), reference_of("20C"), reference_of(0)
    (15.56, 20.0, 0.0)

    Raises:
        WrongUnit: none of the temperatures in use.
    """
    text = re.sub(r"[\s°]|degrees?", "", str(given)).upper()
    if text in ("60F", "15.6", "15.6C"):
        return REFERENCES["15.56"]
    try:
        found = float(text.removesuffix("C"))
    except ValueError:
        found = float("nan")
    if found not in REFERENCES.values():
        raise WrongUnit(
            f"{given!r} is no reference temperature of gas volumes: give 0, 15, 15.56 (60 F) or 20, in °C, at 101.325 kPa"
        )
    return found


def gas_of(
    shares: Mapping[str, float], source: str, *, basis: Basis = "analysis", name: str = "the composition"
) -> Gas:
    """A gas from mole fractions or mole per cent by any usual name; what is missing of 1 is shared out in proportion.

    Args:
        shares: name → share; their sum tells fractions from per cent.
        name: what to call it in an error.

    Raises:
        BadInput: a name that is not known, given twice, a share that is no number ≥ 0, or a sum that misses both 1
            and 100 % by more than 0.5 %.
    """
    found: dict[str, float] = {}
    for given, value in shares.items():
        component = ALIASES.get(given.strip().lower())
        if component is None:
            raise BadInput(f"{name} holds {given.strip()!r}, which is none of {', '.join(COMPONENTS)}: rename it")
        if component in found:
            raise BadInput(f"{name} holds {component} twice: add the two shares up")
        if not isfinite(value) or value < 0:
            raise BadInput(f"{name} says {given.strip()}={value:g}, where a mole fraction of 0 or more is wanted")
        found[component] = float(value)
    total = sum(found.values())
    whole = next((w for w in (1.0, 100.0) if abs(total - w) <= SUM_TOLERANCE * w + 1e-9), None)
    if whole is None:
        raise BadInput(
            f"the shares in {name} sum to {total:g}, where 1 (mole fractions) or 100 (mole per cent) is wanted within "
            "0.5 %: add what is missing, N2 and CO2 too"
        )
    return Gas(fractions=MappingProxyType({k: v / total for k, v in found.items()}), source=source, basis=basis)


def read_gas(given: str | Path | None) -> Gas:
    """A gas from a preset's name, from ``C1=0.8,C2=0.1,...``, or from a CSV file; None gives the default preset.

    A CSV file has either one row of shares under a header of names, or one row per component: name, share.

    Raises:
        BadInput: none of the three, or an impossible composition.
        DamagedFile: the file is no table of that kind.
    """
    from outcrop.tasks.flares.gas.presets import DEFAULT, PRESETS

    if given is None:
        preset = PRESETS[DEFAULT]
        return Gas(fractions=preset.fractions, source=f"nothing was given: {preset.source}", basis="default")
    text = str(given).strip()
    if text.lower() in PRESETS:
        return PRESETS[text.lower()]
    is_file = _is_file(text)
    if "=" in text and not is_file:
        pairs = [part.split("=", 1) for part in re.split(r"[,;\s]+(?=[A-Za-z])", text) if part.strip(" ,;")]
        return gas_of(_numbers(pairs, "the composition"), "given by the user")
    if is_file:
        return _from_csv(Path(text))
    raise BadInput(
        f"{text!r} is no preset, list or file of a composition: give one of {', '.join(PRESETS)}, a list such as "
        "C1=0.8,C2=0.12,C3=0.05,N2=0.03, or a CSV file"
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or a zero byte
        return False


def _from_csv(path: Path) -> Gas:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path.name} is no text in UTF-8 ({type(error).__name__}): save it as CSV") from None
    delimiter = next((mark for mark in ";\t" if mark in text), ",")
    rows = [[c.strip() for c in row] for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    if len(rows) == 2 and len(rows[0]) > 1 and all(cell.lower() in ALIASES for cell in rows[0][:2]):
        pairs = [list(pair) for pair in zip_longest(*rows, fillvalue="")]
    else:
        pairs = [row[:2] for row in rows if len(row) >= 2 and row[0].lower() not in ("component", "name", "gas")]
    if not pairs:
        raise DamagedFile(f"{path.name} holds no composition: give rows of component and share, such as C1,0.8")
    return gas_of(_numbers(pairs, path.name), f"analysis in {path.name}", name=path.name)


def _numbers(pairs: Iterable[list[str]], name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in pairs:
        key, value = pair[0], pair[1] if len(pair) == 2 else ""
        if key in found:
            raise BadInput(f"{name} holds {key} twice: add the two shares up")
        try:
            found[key] = float(value.strip(" ,;").removesuffix("%").replace(",", "."))
        except ValueError:
            raise BadInput(f"{name} says {key}={value!r}, where a mole fraction is wanted: such as C1=0.8") from None
    return found
