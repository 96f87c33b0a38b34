"""Meter readings: every usual table is read into one unit, every doubtful one refused with its line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from outcrop.core.errors import BadInput, DamagedFile, WrongUnit
from outcrop.tasks.flares.gas.meter import Reading, matched, read_meter


def table(folder: Path, text: str) -> Path:
    path = folder / "meter.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_readings_come_in_thousand_m3_a_day_at_one_reference(tmp_path) -> None:
    path = table(
        tmp_path,
        "Image,Flow,Unit,Reference\nday one/a.jpg,100,thousand m3/day,20\nb.JPG,1000,Nm3/h,\nc,10,MMscfd,\nd,5,m3/s,0\n",
    )
    a, b, c, d = read_meter(path, reference=20.0)
    assert (a.image, b.image, c.image, d.image, d.line) == ("a", "b", "c", "d", 5)
    assert a.flow == pytest.approx(100.0)
    assert b.flow == pytest.approx(24.0 * 293.15 / 273.15)
    assert c.flow == pytest.approx(283.168 * 293.15 / 288.71, rel=1e-5)
    assert d.flow == pytest.approx(432.0 * 293.15 / 273.15)


def test_times_semicolons_and_decimal_commas_are_read(tmp_path) -> None:
    path = table(tmp_path, "\ufefftime;volume\n2024-05-31T14:30:00Z;12,5\n2024-05-31T16:30:00+02:00;0\n2024-05-31 15:30;7\n".replace(
        "16:30:00+02:00", "17:00:00+02:00"))  # fmt: skip
    first, second, third = read_meter(path, reference=15.0, unit="thousand m3/day", counted_at=15.0)
    assert first == Reading(line=2, flow=12.5, time=datetime(2024, 5, 31, 14, 30, tzinfo=UTC))
    assert second.flow == 0 and second.time == datetime(2024, 5, 31, 15, 0, tzinfo=UTC)
    assert third.time == datetime(2024, 5, 31, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("image,unit\na,m3/h\n", BadInput, "no column of flow"),
        ("flow,unit\n1,m3/h\n", BadInput, "neither picture nor time"),
        ("image,flow\na,1\n", WrongUnit, "no column 'unit'"),
        ("image,flow,unit\na,1,m3\n", WrongUnit, "line 2: 'm3' is no unit of gas flow"),
        ("image,flow,unit\na,1,m3/h\n", WrongUnit, "line 2: .*reference temperature"),
        ("image,flow,unit,reference\na,1,m3/h,21\n", WrongUnit, "line 2: '21' is no reference"),
        ("image,flow,unit,reference\na,1,Nm3/h,20\n", WrongUnit, "line 2: .*counted at 0"),
        ("image,flow,unit\na,1,Nm3/h\nb,,Nm3/h\n", BadInput, "line 3: the flow is ''"),
        ("image,flow,unit\na,many,Nm3/h\n", BadInput, "'many'"),
        ('image,flow,unit\na,"1,234",Nm3/h\n', BadInput, "'1,234'"),
        ("image,flow,unit\na,-5,Nm3/h\n", BadInput, "'-5'"),
        ("image,flow,unit\na,nan,Nm3/h\n", BadInput, "'nan'"),
        ("image,flow,unit\na.jpg,1,Nm3/h\na.png,2,Nm3/h\n", BadInput, "lines 2 and 3 are both of a"),
        ("time,flow,unit\nyesterday,1,Nm3/h\n", BadInput, "'yesterday' is no time"),
        ("image,flow,unit\n", DamagedFile, "no reading"),
        ("", DamagedFile, "no reading"),
    ],
)
def test_a_doubtful_table_is_refused_with_its_line(tmp_path, text, kind, why) -> None:
    with pytest.raises(kind, match=why):
        read_meter(table(tmp_path, text), reference=20.0)


def test_a_file_that_is_no_text_is_refused(tmp_path) -> None:
    path = tmp_path / "meter.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DamagedFile, match=r"meter\.csv"):
        read_meter(path, reference=20.0)


def test_pictures_find_their_reading_by_name_then_by_time() -> None:
    noon = datetime(2024, 5, 31, 12, 0, tzinfo=UTC)
    readings = (
        Reading(line=2, flow=10.0, image="a"),
        Reading(line=3, flow=20.0, time=noon),
        Reading(line=4, flow=0.0, time=noon.replace(hour=13)),
        Reading(line=5, flow=30.0, time=noon.replace(hour=20)),
    )
    times = {"b": noon.replace(minute=20, tzinfo=None), "c": noon.replace(hour=16)}
    pairs, notes = matched(readings, ["a", "b", "c", "d"], times)
    assert {image: reading.flow for image, reading in pairs.items()} == {"a": 10.0, "b": 20.0}
    assert any("1 readings of 0" in note for note in notes)
    assert any("2 pictures have no meter reading, the first is c" in note for note in notes)
    assert any("1 meter readings have no picture" in note for note in notes)
