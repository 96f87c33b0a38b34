"""A camera to test with: drawn flames as JPEG after JPEG over HTTP on this machine, with every fault on order."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
from PIL import Image

ROWS, COLS = 48, 64


def draw_flame(number: int, *, lit: bool = True, smoke: bool = False, rows: int = ROWS, cols: int = COLS) -> np.ndarray:
    """A night sky with a stack, a flame that flickers on its tip and smoke above; (rows, cols, 3) uint8."""
    rng = np.random.default_rng(number)
    picture = rng.integers(8, 24, (rows, cols, 3)).astype(np.uint8)
    y, x = np.mgrid[:rows, :cols]
    foot, middle = rows * 0.7, cols * 0.5
    picture[(abs(x - middle) < 2) & (y > foot)] = 70
    high = rows * (0.35 + 0.06 * np.sin(number))
    if lit:
        inside = (abs(x - middle) < cols * 0.09) & (y > foot - high) & (y < foot)
        picture[inside] = (250, 170, 40)
    if smoke:
        picture[(y < rows * 0.2) & (x > cols * 0.55)] = 110
    return picture


def jpeg(picture: np.ndarray) -> bytes:
    """A picture as a camera sends it."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=92)
    return file.getvalue()


class Camera:
    """Serves ``/stream`` (multipart), ``/snapshot`` and ``/page``; use it in a with block.

    Args:
        frames: JPEG bytes by number; after the last one it waits.
        rate: frames a second.
        faults: number of a frame → "cut" (half of it, then the connection ends), "stall", "garbage", "broken" (a
            picture whose middle is missing); each happens once.
        length, boundary: how the camera announces its parts; a wrong length is served when ``length`` is "wrong".
    """

    def __init__(self, frames, *, rate=50.0, faults=None, length="right", boundary="frame", password=None, down=0.0):
        self.frames, self.pause, self.faults = list(frames), 1 / rate, dict(faults or {})
        self.length, self.boundary, self.password, self.down = length, boundary, password, down
        self.sent, self.connections, self.stopped = 0, [], threading.Event()  # numbers sent, by connection
        self.down_until = 0.0
        camera = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                camera.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.place = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.place}/stream"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        request.close_connection = True
        with suppress(OSError):
            if self.password and request.headers.get("Authorization") != self.password:
                request.send_response(401)
                request.send_header("WWW-Authenticate", 'Basic realm="camera"')
                request.send_header("Content-Length", "0")
                request.end_headers()
            elif time.monotonic() < self.down_until:
                request.send_error(503)
            else:
                ways = {"/stream": self.stream, "/snapshot": self.snapshot, "/away": self.away}
                ways.get(request.path.split("?")[0], self.page)(request)

    def away(self, request):
        request.send_response(302)
        request.send_header("Location", "ftp://127.0.0.1:1/picture.jpg")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def page(self, request):
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.end_headers()
        request.wfile.write(b"<html>log in</html>")

    def snapshot(self, request):
        data = self.frames[min(self.sent, len(self.frames) - 1)]
        self.sent += 1
        request.send_response(200)
        request.send_header("Content-Type", "image/jpeg")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def stream(self, request):
        numbers = []
        self.connections.append(numbers)
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={self.boundary}")
        request.end_headers()
        while not self.stopped.is_set():
            if self.sent >= len(self.frames):
                self.stopped.wait(0.02)
                continue
            number = self.sent
            self.sent += 1
            numbers.append(number)
            if self.part(request, self.frames[number], self.faults.pop(number, None)):
                return
            self.stopped.wait(self.pause)

    def part(self, request, data, fault):
        """Send one picture; True when the connection is to end."""
        head = f"--{self.boundary}\r\nContent-Type: image/jpeg\r\n"
        told = {"right": len(data), "wrong": 3}.get(self.length)
        head += f"Content-Length: {told}\r\n\r\n" if told is not None else "\r\n"
        request.wfile.write(head.encode())
        if fault == "cut":
            request.wfile.write(data[: len(data) // 2])
            request.wfile.flush()
            self.down_until = time.monotonic() + self.down
            return True
        if fault == "stall":
            request.wfile.write(data[: len(data) // 2])
            request.wfile.flush()
            self.stopped.wait(60)
            return True
        if fault == "garbage":
            data = bytes(np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8)) + data
        if fault == "broken":
            data = data[: len(data) // 2]
        request.wfile.write(data + b"\r\n")
        request.wfile.flush()
        return False
