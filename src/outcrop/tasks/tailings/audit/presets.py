"""Registers by name: which column says what in ANM's SIGBM, in Minas Gerais' reservoir areas and in SERNAGEOMIN's register.

Columns of SIGBM: the table that ANM's dam register exports. Columns of SERNAGEOMIN: the register of October 2025
(spreadsheet and feature layer).
"""

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

Names = str | tuple[str, ...] | None
"""One column that must be there, or several names of which the first one found is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a register says what; case, accents and signs in names do not matter.

    Attributes:
        declared_area: area as its owner declared it; ``area_unit`` is one of "m²", "ha", "km²".
        decimal: decimal separator of the declared area, "." or ","; None reads it off the column.
        snapshot: date of the state (YYYY-MM-DD), in files that hold several states of the register.
        extent: (west, south, east, north) in degrees, where all entries must lie; None when unknown.
        note: what a reader of the results must know about this register.
    """

    id: Names = ("id",)
    lon: Names = ("lon", "longitude", "long", "lng")
    lat: Names = ("lat", "latitude")
    name: Names = ("name",)
    declared_area: Names = ("declared_area", "declared_area_m2", "area_m2", "area")
    area_unit: str = "m²"
    status: Names = ("status",)
    snapshot: Names = ("snapshot",)
    decimal: Literal[".", ","] | None = None
    extent: tuple[float, float, float, float] | None = None
    note: str = ""


BRAZIL = (-74.1, -33.9, -28.8, 5.4)
CHILE = (-76.0, -56.5, -66.0, -17.0)

PRESETS = MappingProxyType(
    {
        "sigbm": Columns(
            id=("ID Barragem", "ID da Barragem"),
            lon=("lon", "Longitude"),
            lat=("lat", "Latitude"),
            name=("Nome da Barragem", "NomeBarragem"),
            declared_area=None,
            status=("Situação Operacional",),
            extent=BRAZIL,
            note="ANM's SIGBM lists tailings dams; waste-rock dumps need no entry, and some entries hold water or sediment.",
        ),
        "mg-area": Columns(
            id=("ID Barragem",),
            lon=("Longitude", "lon"),
            lat=("Latitude", "lat"),
            name=("NomeBarragem", "Nome da Barragem"),
            declared_area=("AreaReservatorio_m2",),
            decimal=".",
            extent=BRAZIL,
            note="The declared area is the reservoir's, which need not be the whole deposit.",
        ),
        "sernageomin": Columns(
            id=("ID", "ID_DEPOSITO", "CODIGO"),
            lon=("LONGITUD", "LONGITUDE"),
            lat=("LATITUD", "LATITUDE"),
            name=("NOMBRE_INSTALACION", "NOMBRE_DEPOSITO"),
            declared_area=("Shape_Area", "SHAPE_Area"),
            status=("ESTADO_INSTALACION",),
            extent=CHILE,
            note="SERNAGEOMIN's Shape_Area is the area of an outline drawn by the register in the projection of its layer, "
            "not a declaration; in Web Mercator it is too large by 1 / cos² of the latitude.",
        ),
    }
)
"""Registers by name."""

REGISTER = {
    "registry": "register of deposits or dams to compare with: CSV, Excel or GeoPackage",
    "preset": f"which register it is: {', '.join(PRESETS)}",
    **{
        f.name: "column of the register, or how it is written"
        for f in fields(Columns)
        if f.name not in ("extent", "note")
    },
}
"""What a run can be told of a register."""
