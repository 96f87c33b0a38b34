"""Films: video files, folders of pictures, cameras and videos over HTTP."""

import importlib.util
import os
import struct
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, TooLarge, UnknownFormat, UsageError
from outcrop.sources.film import open_film, tally_of
from outcrop.sources.film_address import address_of, is_address

av = pytest.importorskip("av", reason="needs PyAV: install the extra 'video'")

_spec = importlib.util.spec_from_file_location("camera_stage", Path(__file__).parents[1] / "monitor" / "camera.py")
stage = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stage)

ENCODERS = {".mp4": "mpeg4", ".avi": "mpeg4", ".mkv": "mjpeg", ".mov": "mjpeg", ".webm": "libvpx-vp9", ".gif": "gif"}
LOSSY = {"mjpeg": "yuvj420p", "gif": "rgb8"}
ROWS, COLS = 48, 64


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def numbered(number):
    """A picture that tells its number by its brightness, with a red upper left corner."""
    picture = np.full((ROWS, COLS, 3), 20 + 8 * number, np.uint8)
    picture[:16, :16] = (250, 10, 10)
    return picture


def brightness(frame):
    """The number that a frame of ``numbered`` tells."""
    values = frame.scene.read(frame.scene.grid.whole)
    return round((float(np.median(values[:, 24:, 24:])) * 255 - 20) / 8)


def film_file(
    path, count=20, *, moments=None, rate=10, draw=numbered, encoder=None, group=5, faststart=False, aspect=None
):
    """A film; ``moments`` are its time stamps in hundredths of a second."""
    encoder = encoder or ENCODERS[path.suffix]
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        steady = {"sc_threshold": "1000000000"} if encoder == "mpeg4" else {}  # key pictures where they are due alone
        stream = container.add_stream(encoder, rate=rate, options=steady)
        first = draw(0)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], LOSSY.get(encoder, "yuv420p")
        if encoder in ("mpeg4", "libvpx-vp9"):
            stream.codec_context.gop_size = group
        if encoder == "mpeg4":
            stream.codec_context.qmin, stream.codec_context.qmax = 2, 3
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if moments:
            stream.codec_context.time_base = Fraction(1, 100)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw(number), "rgb24")
            frame.pts, frame.time_base = (moments[number], Fraction(1, 100)) if moments else (number, Fraction(1, rate))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def picture_folder(folder, names, draw=numbered):
    folder.mkdir()
    for number, name in enumerate(names):
        Image.fromarray(draw(number)).save(folder / name)
    return folder


# ---- known truth


@pytest.mark.parametrize("suffix", ENCODERS)
def test_every_frame_of_a_film_comes_in_its_place_and_time(tmp_path, suffix):
    film = open_film(film_file(tmp_path / f"film{suffix}"))
    frames = list(film.frames())
    assert [f.index for f in frames] == list(range(20))
    assert np.allclose([f.seconds for f in frames], np.arange(20) / 10, atol=0.011)
    assert [brightness(f) for f in frames] == pytest.approx(list(range(20)), abs=1 if suffix != ".gif" else 4)
    assert film.shape == (ROWS, COLS) and film.rate == 10 and not film.live and film.id == f"film{suffix}"
    corner = frames[3].scene.read(frames[3].scene.grid.whole)[:, 4, 4]
    assert corner[0] > 0.8 and corner[1] < 0.2, "red stays red"
    assert frames[7].scene.id == f"film{suffix}#frame-7" and frames[7].scene.bands == ("red", "green", "blue")


def test_a_film_can_be_read_twice(tmp_path):
    film = open_film(film_file(tmp_path / "film.mp4", 5))
    assert len(list(film.frames())) == len(list(film.frames())) == 5


def test_a_variable_frame_rate_keeps_its_own_times(tmp_path):
    moments = [0, 10, 20, 90, 100, 400, 410, 420]
    film = open_film(film_file(tmp_path / "film.mkv", 8, moments=moments))
    assert [f.seconds for f in film.frames()] == pytest.approx([m / 100 for m in moments], abs=0.002)


TURNS = {"a quarter clockwise": (0, 1, -1, 0), "a quarter back": (0, -1, 1, 0), "upside down": (-1, 0, 0, -1)}


@pytest.mark.parametrize(
    ("turn", "corner"), list(zip(TURNS, ("top right", "bottom left", "bottom right"), strict=True))
)
def test_a_film_of_a_turned_telephone_stands_upright(tmp_path, turn, corner):
    path = film_file(tmp_path / "film.mp4", 3)
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 44
    a, b, c, d = TURNS[turn]
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    film = open_film(path)
    assert film.shape == ((COLS, ROWS) if "quarter" in turn else (ROWS, COLS))
    red = next(film.frames()).scene.read(next(film.frames()).scene.grid.whole)
    row, col = (-8 if "bottom" in corner else 8), (-8 if "right" in corner else 8)
    assert red[0, row, col] > 0.8 and red[1, row, col] < 0.2


def test_wide_pixels_are_made_square(tmp_path):
    film = open_film(film_file(tmp_path / "film.mp4", 3, aspect=Fraction(3, 2)))
    assert film.shape == (ROWS, 96) == next(film.frames()).scene.grid.shape


def test_seconds_between_frames_and_a_stretch_of_time_are_kept(tmp_path):
    path = film_file(tmp_path / "film.mp4", 30)
    assert [f.index for f in open_film(path, every=0.5).frames()] == [0, 5, 10, 15, 20, 25]
    assert [f.index for f in open_film(path, step=7).frames()] == [0, 7, 14, 21, 28]
    late = list(open_film(path, start=1.7, stop=2.2).frames())
    assert [f.index for f in late] == [17, 18, 19, 20, 21]
    assert [brightness(f) for f in late] == pytest.approx([17, 18, 19, 20, 21], abs=1)


def test_a_folder_counts_as_people_do_and_lost_pictures_leave_a_gap(tmp_path):
    folder = picture_folder(tmp_path / "frames", [f"f-{n}.png" for n in (1, 2, 3, 9, 10, 11)])
    frames = list(open_film(folder, rate=2).frames())
    assert [f.index for f in frames] == [0, 1, 2, 8, 9, 10]
    assert [f.seconds for f in frames] == [0, 0.5, 1, 4, 4.5, 5]
    assert [brightness(f) for f in frames] == [0, 1, 2, 3, 4, 5]


def test_a_folder_takes_its_times_from_its_names(tmp_path):
    names = ["cam_20240131_120000.png", "cam_20240131_120005.png", "cam_20240131_120100.png"]
    film = open_film(picture_folder(tmp_path / "frames", names))
    assert [f.seconds for f in film.frames()] == [0, 5, 60] and "names" in film.notes[0] and film.began is None
    unix = open_film(picture_folder(tmp_path / "unix", ["1499546263_-9.png", "1499546323_0.png"]))
    assert unix.began == datetime(2017, 7, 8, 20, 37, 43, tzinfo=UTC)
    assert [f.scene.acquired.second for f in unix.frames()] == [43, 43]


def test_a_folder_takes_its_times_from_exif_or_else_from_the_files(tmp_path):
    folder = picture_folder(tmp_path / "exif", [])
    for number in range(3):
        exif = Image.Exif()
        exif[306] = f"2024:01:31 12:00:{10 * number:02d}"
        Image.fromarray(numbered(number)).save(folder / f"p{number}.jpg", exif=exif)
    assert [f.seconds for f in open_film(folder).frames()] == [0, 10, 20]
    plain = picture_folder(tmp_path / "plain", ["a.png", "b.png", "c.png"])
    for number, path in enumerate(sorted(plain.iterdir())):
        os.utime(path, (1.7e9 + 30 * number,) * 2)
    film = open_film(plain)
    assert [f.seconds for f in film.frames()] == [0, 30, 60] and "dates of the files" in film.notes[0]


def test_a_folder_without_times_asks_for_a_rate(tmp_path):
    folder = picture_folder(tmp_path / "frames", ["a.png", "b.png", "c.png"])
    with pytest.raises(BadInput, match="give their rate"):
        open_film(folder)


# ---- damage


def test_damaged_pictures_are_left_out_and_counted(tmp_path):
    path = film_file(tmp_path / "film.mp4", 30)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for at, size in places[6:8]:  # pictures 5 to 9 lean on number 5
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    film = open_film(path)
    frames = list(film.frames())
    assert tally_of(film).damaged == 2 and len(frames) == 28
    assert frames[-1].index == 29 and brightness(frames[-1]) == pytest.approx(29, abs=1)
    smeared = [f.index for f in frames if any("may be smeared" in note for note in f.scene.notes)]
    assert smeared and 6 <= smeared[0] and smeared[-1] <= 9, "until the next key picture"


def test_a_film_that_was_cut_off_gives_what_it_has_and_says_so(tmp_path):
    for path in (film_file(tmp_path / "film.mkv", 30), film_file(tmp_path / "fast.mp4", 30, faststart=True)):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
        film = open_film(path)
        assert 5 < len(list(film.frames())) < 30
        assert any("3.0 s that it claims" in note for note in tally_of(film).notes)


def test_a_damaged_picture_in_a_folder_is_left_out(tmp_path):
    folder = picture_folder(tmp_path / "frames", [f"{n}.png" for n in range(5)])
    (folder / "2.png").write_bytes(b"\x89PNG no")
    Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(folder / "3.png")
    film = open_film(folder, rate=1)
    assert [f.index for f in film.frames()] == [0, 1, 4]
    assert tally_of(film).damaged == 2 and "another size" in " ".join(tally_of(film).notes)


def _without_index(path):
    film_file(path, 5)
    path.write_bytes(path.read_bytes()[:-400])


BAD = {
    "empty.mp4": (lambda p: p.write_bytes(b""), DamagedFile, "empty"),
    "words.mp4": (lambda p: p.write_text("no film\n" * 50), UnknownFormat, "no video that Outcrop reads"),
    "list.m3u8": (lambda p: p.write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n"), UnknownFormat, "no video"),
    "files.txt": (lambda p: p.write_text("ffconcat version 1.0\nfile /etc/hostname\n"), UnknownFormat, "no video"),
    "halved.mp4": (_without_index, DamagedFile, "cut off or damaged"),
    "absent.mp4": (lambda p: None, BadInput, "there is no film"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_film_is_refused_with_a_sentence(tmp_path, name):
    write, error, words = BAD[name]
    write(tmp_path / name)
    with pytest.raises(error, match=words):
        open_film(tmp_path / name)


def test_sound_alone_is_no_film(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(UnknownFormat, match="holds no pictures"):
        open_film(tmp_path / "a.mp4")


def test_an_empty_folder_and_contradicting_options_are_refused(tmp_path):
    with pytest.raises(BadInput, match="holds no pictures"):
        open_film(tmp_path)
    for options in (
        {"every": 0.0},
        {"step": 0},
        {"every": 1.0, "step": 2},
        {"start": 3.0, "stop": 2.0},
        {"rate": -1.0},
    ):
        with pytest.raises(UsageError):
            open_film(tmp_path, **options)


def test_huge_frames_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("outcrop.sources.film_video.MOST_PIXELS", 1000)
    with pytest.raises(TooLarge, match="scale it down"):
        open_film(film_file(tmp_path / "film.mp4", 2))


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    path = film_file(tmp_path / "film.mp4", 2)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtra, match=r"outcrop\[video\]"):
        open_film(path)


# ---- addresses


def test_a_password_is_never_shown():
    address = address_of("rtsp://admin:s3cret@10.0.0.7:554/user=admin&password=s3cret&channel=1?token=s3cret")
    assert "s3cret" not in address.id and "s3cret" not in repr(address) and address.id.startswith("10.0.0.7:554/")
    with pytest.raises(BadInput) as refused:
        open_film("rtsp://admin:s3cret@127.0.0.1:9/x?key=s3cret", timeout=1)
    assert "s3cret" not in str(refused.value) and refused.value.__cause__ is None
    with stage.Camera([stage.jpeg(numbered(0))] * 50) as camera:
        film = open_film(camera.url.replace("http://", "http://admin:s3cret@") + "?pwd=s3cret", timeout=1)
        assert "s3cret" not in repr(film) + next(film.frames()).scene.id and film.id == f"{camera.place}/stream"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/x", "concat:a|b", "data:image/jpeg;base64,aa", "http:///x", "http://h:x/"]
)
def test_other_protocols_are_refused(url):
    assert is_address(url)
    with pytest.raises(UsageError, match="give"):
        open_film(url)
