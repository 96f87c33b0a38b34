"""The columns of each regime's form, in order, and how an export record fills them; None where it does not say.

A column carries its unit and, for volumes, its reference temperature in its name. Field lists come from second-hand
copies of the rules; compare them with the form in force.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from outcrop.tasks.flares.gas.composition import Gas, read_gas
from outcrop.tasks.flares.gas.emissions import MJ_PER_MMBTU, co2e_mass, warming
from outcrop.tasks.flares.gas.flow import CUBIC_FOOT, DAYS_PER_YEAR, change_reference
from outcrop.tasks.flares.gas.record import FIELDS
from outcrop.tasks.flares.gas.regulation import order_371, subpart_w

Record = Mapping[str, Any]
Column = Callable[[Record], Any]
"""Record → value of a cell, None where it is not known."""

LEVELS = ((5.0, "Small"), (50.0, "Medium"))
"""MMscf/day below which the World Bank's table calls a flare so, "Large" above; read off its published rows."""


def _plain(name: str) -> Column:
    return lambda record: record.get(name)


def _volume(record: Record, reference: float, unit: float) -> float | None:
    """Volume of the period in units of so many m³ at a reference temperature, °C."""
    volume, counted_at = record.get("volume_thousand_m3"), record.get("reference_temperature_c")
    if volume is None or counted_at is None:
        return None
    return float(change_reference(volume * 1e3 / unit, counted_at, reference))


def _gas(record: Record) -> Gas | None:
    text = record.get("composition_mole_fractions")
    return read_gas(text) if text else None


def _share(*components: str, percent: bool = False) -> Column:
    """Mole fraction of some components together, or their per cent by volume."""

    def fraction(record: Record) -> float | None:
        gas = _gas(record)
        return None if gas is None else (100 if percent else 1) * sum(gas.share(name) for name in components)

    return fraction


BUTANES = ("C4", "iC4")
PENTANES_PLUS = ("C5", "iC5", "C6", "C7", "C8")


EPA_INPUTS = ("destruction_efficiency", "combustion_efficiency", "unlit_share")


def _epa(what: str) -> Column:
    """Mass in t by 98.233(n), from the record's own composition, efficiencies and unlit share."""

    def tonnes(record: Record) -> float | None:
        gas, volume = _gas(record), _volume(record, 15.56, CUBIC_FOOT)
        given = {name: record.get(name) for name in EPA_INPUTS}
        factors = {name: float(value) for name, value in given.items() if value is not None}
        if gas is None or volume is None or len(factors) < len(EPA_INPUTS):
            return None
        masses = subpart_w(volume, gas, **factors, hhv_mmbtu_scf=_hhv(record))
        if what == "co2e":
            return float(co2e_mass(masses["co2"], masses["ch4"], masses["n2o"], warming("AR5-100"))) * 1e-3
        return float(masses[what]) * 1e-3

    return tonnes


def _hhv(record: Record) -> float | None:
    """MMBtu per scf at 60 °F, from MJ/m³ at the record's reference temperature."""
    value, counted_at = record.get("hhv_mj_m3"), record.get("reference_temperature_c")
    if value is None or counted_at is None:
        return None
    # The same heat in less volume: heating values turn the other way than volumes.
    return float(value / change_reference(1.0, counted_at, 15.56)) * CUBIC_FOOT / MJ_PER_MMBTU


def _russian(what: str) -> Column:
    """Mass in t by Order 371: thousand m³ at 20 °C times the factor; nothing without CF, which has no default."""

    def tonnes(record: Record) -> float | None:
        gas, volume, unburnt = _gas(record), _volume(record, 20.0, 1e3), record.get("underburning_cf")
        if gas is None or volume is None or unburnt is None:
            return None
        factors = order_371(gas, float(unburnt))
        if what == "co2e":
            return volume * float(
                co2e_mass(factors["co2"], factors["ch4"], 0.0, warming(record.get("gwp") or "AR6-100"))
            )
        return volume * factors[what]

    return tonnes


def _factor_371(what: str) -> Column:
    def factor(record: Record) -> float | None:
        gas, unburnt = _gas(record), record.get("underburning_cf")
        return None if gas is None or unburnt is None else order_371(gas, float(unburnt))[what]

    return factor


def _year(record: Record) -> int | None:
    end = record.get("period_end") or record.get("observed_at")
    return None if end is None else int(str(end)[:4])


def _mmscfd(record: Record) -> float | None:
    """The flow as seen, MMscf/day at 60 °F."""
    flow, counted_at = record.get("flow_thousand_m3_day"), record.get("reference_temperature_c")
    if flow is None or counted_at is None:
        return None
    return float(change_reference(flow * 1e3 / (1e6 * CUBIC_FOOT), counted_at, 15.56))


def _bcm_year(record: Record) -> float | None:
    flow, counted_at = record.get("flow_thousand_m3_day"), record.get("reference_temperature_c")
    if flow is None or counted_at is None:
        return None
    return float(change_reference(flow * DAYS_PER_YEAR * 1e-6, counted_at, 15.0))


def _level(record: Record) -> str | None:
    flow = _mmscfd(record)
    return None if flow is None else next((name for limit, name in LEVELS if flow < limit), "Large")


PRESETS: Mapping[str, Mapping[str, Column]] = MappingProxyType(
    {
        "epa-w": {
            "flare_stack_id": _plain("stack_id"),
            "reporting_year": _year,
            "flow_determination_method": _plain("volume_method"),
            "volume_to_flare_scf_60F": lambda record: _volume(record, 15.56, CUBIC_FOOT),
            "composition_source": _plain("composition_source"),
            "mole_fraction_CO2": _share("CO2"),
            "mole_fraction_CH4": _share("C1"),
            "mole_fraction_C2H6": _share("C2"),
            "mole_fraction_C3H8": _share("C3"),
            "mole_fraction_C4H10": _share(*BUTANES),
            "mole_fraction_C5_plus": _share(*PENTANES_PLUS),
            "higher_heating_value_MMBtu_per_scf_60F": _hhv,
            "destruction_efficiency_fraction": _plain("destruction_efficiency"),
            "combustion_efficiency_fraction": _plain("combustion_efficiency"),
            "unlit_fraction_of_flow": _plain("unlit_share"),
            "pilot_monitoring_method": _plain("pilot_monitoring"),
            "CO2_t": _epa("co2"),
            "CH4_t": _epa("ch4"),
            "N2O_t": _epa("n2o"),
            "CO2e_t_AR5_GWP100": _epa("co2e"),
            "values_that_rest_on_defaults": _plain("assumed"),
        },
        "ogmp2": {
            "asset": _plain("site_id"),
            "operator": _plain("operator"),
            "source_class": lambda record: "flaring",
            "source_id": _plain("stack_id"),
            "latitude_deg": _plain("latitude"),
            "longitude_deg": _plain("longitude"),
            "period_start": _plain("period_start"),
            "period_end": _plain("period_end"),
            "reporting_level": _plain("data_quality"),
            "quantification_method": _plain("volume_method"),
            "volume_thousand_m3_15C": lambda record: _volume(record, 15.0, 1e3),
            "CH4_mole_fraction": _share("C1"),
            "destruction_efficiency_fraction": _plain("destruction_efficiency"),
            "unlit_fraction_of_flow": _plain("unlit_share"),
            "CH4_t": _plain("ch4_t"),
            "site_level_reconciliation": lambda record: None,
            "values_that_rest_on_defaults": _plain("assumed"),
        },
        "ru-371": {
            "operator": _plain("operator"),
            "source_id": _plain("stack_id"),
            "period_start": _plain("period_start"),
            "period_end": _plain("period_end"),
            "volume_thousand_m3_20C": lambda record: _volume(record, 20.0, 1e3),
            "CO2_volume_percent": _share("CO2", percent=True),
            "CH4_volume_percent": _share("C1", percent=True),
            "C2H6_volume_percent": _share("C2", percent=True),
            "C3H8_volume_percent": _share("C3", percent=True),
            "C4H10_volume_percent": _share(*BUTANES, percent=True),
            "C5_plus_volume_percent": _share(*PENTANES_PLUS, percent=True),
            "N2_volume_percent": _share("N2", percent=True),
            "H2S_volume_percent": _share("H2S", percent=True),
            "CF_underburning_fraction": _plain("underburning_cf"),
            "EF_CO2_t_per_thousand_m3_20C": _factor_371("co2"),
            "EF_CH4_t_per_thousand_m3_20C": _factor_371("ch4"),
            "CO2_t": _russian("co2"),
            "CH4_t": _russian("ch4"),
            "CO2e_t": _russian("co2e"),
            "GWP_set": _plain("gwp"),
            "associated_gas_used_percent": _plain("gas_used_percent"),
            "values_that_rest_on_defaults": _plain("assumed"),
        },
        "wb-gfmr": {
            "Country": _plain("country"),
            "Year": _year,
            "Latitude (deg)": _plain("latitude"),
            "Longitude (deg)": _plain("longitude"),
            "Field Name": _plain("field"),
            "Field Type": _plain("field_type"),
            "Field Operator": _plain("operator"),
            "Location": _plain("location"),
            "Flare Level": _level,
            "Flaring Vol (million m3 at 15 C)": lambda record: _volume(record, 15.0, 1e6),
            "bcm per year at 15 C (mean flow)": _bcm_year,
            "MMscfd at 60 F (mean flow)": _mmscfd,
            "Category (routine, safety, non-routine)": _plain("event_category"),
        },
        "all": {name: _plain(name) for name in FIELDS},
    }
)
"""Regime → its columns in order, each with how it is filled; "all" is the whole record."""
