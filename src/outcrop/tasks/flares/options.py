"""What a user says of a flare beside numbers: its gas, how volumes are counted, the site's own line, facts for forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outcrop.core.errors import BadInput, UsageError
from outcrop.tasks.flares.gas.calibration import SiteCalibration, read_calibration
from outcrop.tasks.flares.gas.composition import Gas, read_gas, reference_of
from outcrop.tasks.flares.gas.emissions import DEFAULT_WARMING, warming
from outcrop.tasks.flares.gas.record import FIELDS

SETTINGS = {
    "gas": "what burns: a typical gas by name, C1=0.8,C2=0.1,... or a CSV file",
    "reference": "reference temperature of gas volumes, °C: 0, 15, 15.56 or 20 (the default)",
    "gwp": "warming potentials: AR4, AR5 or AR6 with the horizon, e.g. AR6-100",
    "meter": "CSV with meter readings of these pictures; the site's own line is fitted to them",
    "meter_unit": "unit of the readings where the file does not say it, e.g. thousand m3/day",
    "calibration": "calibration.json of an earlier run with meter readings",
    "sun_zenith": "degrees of the Sun from the zenith when a satellite scene was taken: reflectance becomes radiance",
    "class_names": "class names of a detector given with --model, in its order: fire,smoke; '-' leaves one out",
    **{name: f"for forms: {what}" for name, what in FIELDS.items()},
}
"""Setting → what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlareOptions:
    """How flares are measured.

    Attributes:
        reference: °C, of every gas volume; the pressure is 101.325 kPa.
        gwp: name of the set of warming potentials.
        calibration: the site's own line, which replaces the physics of flames; None where there is none.
        meter: file of readings to fit such a line to.
        sun_zenith: degrees; None where it is not known.
        facts: fields of the export record that the user knows.
    """

    gas: Gas
    reference: float = 20.0
    gwp: str = DEFAULT_WARMING
    calibration: SiteCalibration | None = None
    meter: Path | None = None
    meter_unit: str | None = None
    sun_zenith: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def read_options(settings: Mapping[str, str]) -> FlareOptions:
    """Options from what the user typed.

    Raises:
        UsageError: a setting that is not known, or a calibration and readings at once.
        BadInput, DamagedFile, WrongUnit: a gas, a temperature or a file that cannot be used.
    """
    if foreign := [name for name in settings if name not in SETTINGS]:
        raise UsageError(f"the room flares takes no setting {foreign[0]!r}: it knows {', '.join(SETTINGS)}")
    if "meter" in settings and "calibration" in settings:
        raise UsageError("a calibration and readings to make one came together: give --set meter or --set calibration")
    for name in ("meter", "calibration"):
        if name in settings and not Path(settings[name]).is_file():
            raise BadInput(f"there is no file {settings[name]} ({name}): check the path")
    reference = reference_of(settings.get("reference", "20"))
    line = read_calibration(Path(settings["calibration"])) if "calibration" in settings else None
    if line is not None and line.reference != reference:
        raise UsageError(
            f"the site was calibrated at {line.reference:g} °C, and volumes are wanted at {reference:g} °C: "
            f"give --set reference={line.reference:g}"
        )
    return FlareOptions(
        gas=read_gas(settings.get("gas")), reference=reference,
        gwp=warming(settings.get("gwp", DEFAULT_WARMING)).name, calibration=line,
        meter=Path(settings["meter"]) if "meter" in settings else None, meter_unit=settings.get("meter_unit"),
        sun_zenith=_degrees(settings.get("sun_zenith")), facts={name: value for name, value in settings.items() if name in FIELDS},
    )  # fmt: skip


def _degrees(text: str | None) -> float | None:
    """An angle from the zenith.

    Raises:
        UsageError: no number from 0 to below 90.
    """
    if text is None:
        return None
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 90:
        raise UsageError(f"sun_zenith={text} is no angle from the zenith: give degrees, 0 to below 90")
    return found
