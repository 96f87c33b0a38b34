"""The registers that are known by name."""

from outcrop.tasks.tailings.audit.presets import PRESETS


def test_every_register_preset_names_id_and_position() -> None:
    assert set(PRESETS) == {"sigbm", "mg-area", "sernageomin"}
    for columns in PRESETS.values():
        assert columns.id and columns.lon and columns.lat and columns.extent and columns.note
        assert not any(
            "empreendedor" in str(v).lower() or "empresa" in str(v).lower() for v in (columns.id, columns.name)
        )
