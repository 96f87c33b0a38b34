"""Notes in the 40 lines that open a SEG-Y file."""

import pytest

from outcrop.outputs.segy_text import add_note, fresh_text


def text_rows(header, encoding="cp037"):
    text = header.decode(encoding)
    return [text[start : start + 80] for start in range(0, 3200, 80)]


@pytest.mark.parametrize("encoding", ["cp037", "latin-1"])
def test_a_note_goes_into_blank_lines_and_leaves_the_others_alone(encoding):
    old = "".join(f"C{row:>2} {'' if 10 < row < 30 else 'WORDS'}".ljust(80) for row in range(1, 41)).encode(encoding)
    new = add_note(old, encoding, "Salt probability by Outcrop – " + "seen " * 30)
    rows = text_rows(new, encoding)
    assert len(new) == 3200
    assert rows[10].startswith("C11 Salt probability by Outcrop - seen")
    assert all(row.startswith(f"C{n:>2} ") for n, row in enumerate(rows, 1))
    assert [n for n in range(40) if new[80 * n : 80 * n + 80] != old[80 * n : 80 * n + 80]] == [10, 11, 12]


def test_a_note_in_a_full_header_goes_before_the_last_lines():
    old = fresh_text([f"LINE {row}" for row in range(1, 39)])
    rows = text_rows(add_note(old, "cp037", "Salt probability."))
    assert rows[37].rstrip() == "C38 Salt probability."
    assert (rows[36].rstrip(), rows[38].rstrip(), rows[39].rstrip()) == (
        "C37 LINE 37",
        "C39 SEG Y REV1",
        "C40 END TEXTUAL HEADER",
    )


def test_a_header_of_nul_bytes_takes_a_note():
    rows = text_rows(add_note(bytes(3200), "cp037", "Salt."))
    assert rows[0].rstrip() == "C 1 Salt."
