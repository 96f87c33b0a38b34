"""Cameras and videos over HTTP: pictures out of a stream, play lists, cuts, passwords."""

import threading
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.sources.test_film import COLS, ROWS, av, brightness, direct, film_file, numbered, stage

from outcrop.core.errors import BadInput
from outcrop.sources.film import open_film
from outcrop.sources.film_follow import Event, follow
from outcrop.sources.film_mjpeg import JpegSplitter

__all__ = ["direct"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_pictures_come_out_of_any_stream_whole_and_in_order(seed, step):
    rng = np.random.default_rng(seed)
    pictures = [stage.jpeg(stage.draw_flame(n)) for n in range(3)]
    between = [
        bytes(rng.integers(0, 255, rng.integers(0, 60), dtype=np.uint8)).replace(b"\xff", b"x") for _ in range(4)
    ]
    stream = between[0] + b"".join(p + b for p, b in zip(pictures, between[1:], strict=True))
    splitter, found = JpegSplitter(), []
    for at in range(0, len(stream), step):
        found += splitter.feed(stream[at : at + step])
    assert found == pictures and splitter.damaged == 0


def test_a_thumbnail_inside_a_picture_does_not_end_it():
    exif = Image.Exif()
    exif[0x010E] = "a picture within: " + stage.jpeg(numbered(1)).decode("latin1")
    from io import BytesIO

    file = BytesIO()
    Image.fromarray(numbered(3)).save(file, "JPEG", exif=exif)
    assert JpegSplitter().feed(b"--x\r\n" + file.getvalue() + b"\r\n") == [file.getvalue()]


def test_a_picture_without_an_end_gives_way_to_the_next():
    whole = stage.jpeg(numbered(1))
    splitter = JpegSplitter()
    assert splitter.feed(whole[: len(whole) // 2] + b"\r\n--x\r\n\r\n" + whole) == [whole] and splitter.damaged == 1


@pytest.mark.parametrize("length", ["right", "none", "wrong"])
@pytest.mark.parametrize("boundary", ["frame", "--myboundary", '"quoted one"'])
def test_a_camera_is_read_however_it_announces_its_parts(length, boundary):
    with stage.Camera(
        [stage.jpeg(numbered(n)) for n in range(6)], length=length, boundary=boundary, rate=200
    ) as camera:
        items = follow(camera.url, timeout=0.4, patience=0.3)
        frames = [item for item in items if not isinstance(item, Event)]
    assert frames[-1].index + 1 == items.given + items.skipped + items.damaged == 6
    assert brightness(frames[-1]) == 5


def test_a_camera_with_one_picture_for_each_question_is_asked_again():
    with stage.Camera([stage.jpeg(numbered(n)) for n in range(30)]) as camera:
        film = open_film(f"http://{camera.place}/snapshot", timeout=1)
        assert film.live and film.rate == 1
        items = follow(f"http://{camera.place}/snapshot", every=0.1, timeout=1)
        numbers = [
            brightness(item) for item, _ in zip((i for i in items if not isinstance(i, Event)), range(4), strict=False)
        ]
        items.close()
    assert numbers == list(range(numbers[0], numbers[0] + 4))


def test_a_camera_behind_a_password_says_so_and_takes_it():
    from base64 import b64encode

    word = "Basic " + b64encode(b"op:pa ss").decode()
    with stage.Camera([stage.jpeg(numbered(2))], password=word) as camera:
        with pytest.raises(BadInput, match="wants a name and a password"):
            open_film(camera.url, timeout=1)
        film = open_film(camera.url.replace("//", "//op:pa%20ss@"), timeout=1)
        assert film.live and film.shape == (ROWS, COLS)


def test_a_web_page_is_no_camera():
    with stage.Camera([b""]) as camera, pytest.raises(BadInput, match="gives text/html, no film"):
        open_film(f"http://{camera.place}/page", timeout=1)


def test_a_redirection_to_another_protocol_is_not_followed():
    with stage.Camera([b""]) as camera, pytest.raises(BadInput, match="error 302"):
        open_film(f"http://{camera.place}/away", timeout=1)


def test_a_video_file_on_a_server_is_read_to_its_end(tmp_path, monkeypatch):
    film_file(tmp_path / "film.webm", 8)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        film = open_film(f"http://127.0.0.1:{server.server_port}/film.webm", timeout=3)
        assert not film.live and [brightness(f) for f in film.frames()] == pytest.approx(list(range(8)), abs=1)
        with pytest.raises(BadInput, match="does not exist"):
            open_film(f"http://127.0.0.1:{server.server_port}/absent.mp4", timeout=3)
        server.shutdown()


def test_a_play_list_on_a_server_is_followed_but_never_to_files_of_this_machine(tmp_path, monkeypatch):
    with av.open(
        str(tmp_path / "x.m3u8"), "w", format="hls", options={"hls_time": "0.5", "hls_list_size": "0"}
    ) as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.codec_context.gop_size = ROWS, COLS, "yuv420p", 5
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered(number), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    film = film_file(tmp_path / "film.webm", 2)
    (tmp_path / "evil.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{film}\n#EXT-X-ENDLIST\n"
    )
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        found = open_film(f"{place}/x.m3u8", timeout=5)
        assert not found.live and [brightness(f) for f in found.frames()] == pytest.approx(list(range(20)), abs=1)
        with pytest.raises(BadInput, match="gives no film"):
            open_film(f"{place}/evil.m3u8", timeout=5)
        server.shutdown()


def test_a_cut_in_the_middle_of_a_picture_is_lived_through_and_told():
    faults = {6: "cut", 12: "broken"}
    with stage.Camera([stage.jpeg(numbered(n)) for n in range(20)], rate=50, faults=faults, down=0.25) as camera:
        items = follow(camera.url, timeout=0.5, patience=0.6, pauses=(0.05,))
        events, frames = [], []
        for item in items:
            (events if isinstance(item, Event) else frames).append(item)
    assert [e.kind for e in events if e.kind != "lost"] == ["connected", "connected", "ended"]
    assert items.damaged == 2 and items.given + items.skipped + items.damaged == camera.sent == 20
    again = events[2]
    assert 4 <= again.missed <= 25 and items.missed == again.missed, (
        "a quarter of a second at 50 frames a second, about"
    )
    assert frames[-1].index + 1 == items.given + items.skipped + items.missed + items.damaged
    assert all(b.seconds > a.seconds and b.index > a.index for a, b in pairwise(frames))


def test_slow_analysis_sees_the_newest_frame_and_counts_the_skipped():
    with stage.Camera([stage.jpeg(numbered(n)) for n in range(25)], rate=60) as camera:
        items = follow(camera.url, timeout=0.5, patience=0.4)
        frames = []
        for item in items:
            if not isinstance(item, Event):
                frames.append(item)
                threading.Event().wait(0.12)
    assert len(frames) < 12 and items.skipped >= 10
    assert items.given + items.skipped == 25 == frames[-1].index + 1
    assert [brightness(f) for f in frames] == [f.index for f in frames], "the number is that of the picture"


def test_following_ends_when_asked_and_a_silent_camera_when_patience_does():
    stop, told = threading.Event(), []
    with stage.Camera([stage.jpeg(numbered(0))] * 500, rate=100) as camera:
        for item in follow(camera.url, stop=stop, on_event=told.append, timeout=1):
            if not isinstance(item, Event) and item.index > 3:
                stop.set()
    assert [e.kind for e in told] == ["connected", "ended"] and "as was asked" in told[-1].about
    kinds = [e.kind for e in follow("http://127.0.0.1:9/none", patience=0.4, silence=0.1, pauses=(0.05,), timeout=0.3)]
    assert kinds == ["lost", "silent", "ended"]


def test_a_refused_password_ends_following_at_once_instead_of_locking_the_account():
    with stage.Camera([b""], password="x") as camera, pytest.raises(BadInput, match="password"):
        list(follow(camera.url, timeout=0.5, pauses=(0.05,)))
