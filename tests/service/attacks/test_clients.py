"""Clients of a served service that are slow, silent, many, or gone, and what its log says. Numbers of threats are those of docs/service.md."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Watch = Callable[..., Any]


def closed_after(connection: socket.socket) -> tuple[float, bytes]:
    """(seconds until the service closes a connection, what it says before)."""
    began, said = time.monotonic(), b""
    connection.settimeout(20)
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            said += part
    return time.monotonic() - began, said


def dripping(connection: socket.socket, seconds: float) -> tuple[float, bytes]:
    """The same for a client that sends a byte now and then."""
    began = time.monotonic()
    connection.settimeout(0.2)
    said = b""
    while time.monotonic() - began < seconds:
        with contextlib.suppress(TimeoutError):
            try:
                connection.sendall(b"x")
                part = connection.recv(65_536)
            except ConnectionError:
                break
            said += part
            if not part or said.endswith(b"}"):
                break
    return time.monotonic() - began, said


def test_slow_and_silent_clients_are_closed_and_keep_nobody_out(watch: Watch) -> None:
    """Threat 26: half a head, silence before and after a request, another protocol half begun, a body that drips."""
    service = watch(header_seconds=1.5, body_seconds=2.5, rate=0)
    firsts = {
        "half": b"GET /livez HTTP/1.1\r\nHost: 127.0", "silent": b"", "other": b"PRI * HTTP/2.0\r\n", "line": b"GET /",
        "before": b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    }  # fmt: skip
    told: dict[str, tuple[float, bytes]] = {}
    begun = service.post(bytes(90_000))[:-80_000]
    work = [(name, closed_after, (service.connect(first),)) for name, first in firsts.items()]
    work.append(("drip", dripping, (service.connect(begun), 15.0)))
    threads = [threading.Thread(target=lambda n=n, f=f, a=a: told.update({n: f(*a)})) for n, f, a in work]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    crowd = [service.connect(first) for first in (b"", b"GET / HTTP/1.1\r\nHost: 127.0") for _ in range(150)]
    began = time.monotonic()
    assert service.live.ask("GET", "/livez")[0] == 200 and time.monotonic() - began < 1.4
    for thread in threads:
        thread.join(30)
    for one in crowd:
        one.close()
    assert set(told) == {*firsts, "drip"} and all(seconds < 10 for seconds, _ in told.values()), told
    assert told["before"][1].startswith(b"HTTP/1.1 200")
    assert told["drip"][1].startswith(b"HTTP/1.1 408") and b"bytes have come" in told["drip"][1]
    assert service.live.ask("GET", "/readyz")[0] == 200


def test_a_body_over_the_limit_is_refused_by_the_server_too(watch: Watch) -> None:
    """Threat 1: in chunks, without a length, and the connection ends."""
    service = watch()
    head = b"POST /results/x/measure HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with service.connect(head) as connection:
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(60):
                connection.sendall(b"10000\r\n" + b"0" * 65_536 + b"\r\n")
        seconds, said = closed_after(connection)
        assert said.startswith(b"HTTP/1.1 413") and seconds < 18
    with service.connect(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 200_000) as connection:
        assert closed_after(connection)[1][:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")


def test_clients_that_leave_cost_nothing(watch: Watch, line: bytes) -> None:
    """Threat 33: in the middle of an upload, and while they wait for a job, which is finished all the same."""
    service = watch(rate=0)
    whole = service.post(b"\x93NUMPY" + bytes(3_000_000))
    for _ in range(3):
        service.connect(whole[: len(whole) // 2]).close()
    before = service.resident()
    for _ in range(25):
        with service.connect(whole[: len(whole) // 2]) as connection:
            time.sleep(0.02)
            connection.shutdown(socket.SHUT_RDWR)
    leaving = [service.connect(service.post(line, wait="60", seed=str(seed))) for seed in range(3)]
    time.sleep(1.0)
    for connection in leaving:
        connection.close()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        history = json.loads(service.live.ask("GET", "/results")[1])
        if history["total"] == 3 and not service.temporary():
            break
        time.sleep(0.2)
    assert history["total"] == 3 and service.temporary() == []
    assert len(list((service.folder / "results").iterdir())) == 3
    assert not [path for path in service.folder.rglob("*") if ".part" in path.name]
    assert service.resident() - before < 60e6, (before, service.resident())


def test_the_log_is_one_object_a_line_and_holds_no_key(watch: Watch, monkeypatch: Any) -> None:
    """Threat 34: whatever clients type into names, addresses and headers."""
    service = watch()
    key = "outcrop_" + "Qx7" * 14 + "a"
    forged = 'a\n{"level": "error", "what": "forged"}\x1b[31m'
    for path in (f"/results/{key}", "/results/%0a%7b%22forged%22%3a1%7d", f"/nothing?key={key}"):
        service.live.ask("GET", path, authorization=f"Bearer {key}", x_api_key=key)
    service.live.send(
        "/tasks/salt/predict", b"\x89PNG\r\n\x1a\n", forged.replace("\n", "%0A"), authorization=f"Bearer {key}"
    )
    service.live.stop()
    text = service.log.read_text(encoding="utf-8")
    assert key not in text and "forged" not in text and "\x1b" not in text
    for one in text.splitlines():
        assert one.startswith("[INFO]") or json.loads(one)["level"] in ("info", "warning", "error"), one
    assert any(one.startswith("{") for one in text.splitlines())


def test_what_a_client_typed_is_one_line_of_the_log() -> None:
    """Threat 34: line breaks are escaped; of keys the first letters stay, of passwords nothing."""
    import logging

    from outcrop.service.logs import Lines

    key = "outcrop_" + "A-b_9" * 8 + "xyz"
    typed = (f"a\n2026 ERROR forged\x1b[31m {key} postgresql://me:secret@host/db",)
    try:
        raise OSError(f"with {key}")
    except OSError:
        record = logging.LogRecord("outcrop.service", logging.ERROR, "", 0, "name %s", typed, sys.exc_info())
    line = Lines().format(record)
    assert "\n" not in line and "\x1b" not in line and "forged\x1b[31m" in json.loads(line)["what"]
    assert key not in line and line.count("outcrop_A-b_9A...") == 2 and "secret" not in line


def test_a_second_service_at_the_same_port_is_refused(watch: Watch, tmp_path: Path) -> None:
    """One service to a port: the second says so in one sentence, and a port that was left a moment ago is free."""
    service = watch()
    port = str(service.live.port)
    command = [sys.executable, "-m", "outcrop", "serve", "--folder", str(tmp_path / "other"), "--port", port]
    second = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 2 and second.stderr.count("\n") == 1, second.stderr
    assert f"127.0.0.1, port {port}" in second.stderr and "--port" in second.stderr
    assert service.live.ask("GET", "/livez")[0] == 200
    with service.connect(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as kept:
        kept.recv(100)
        assert service.live.stop() == 0

    from outcrop.service.serve import refuse_taken_port

    refuse_taken_port("127.0.0.1", int(port))


def test_an_address_of_another_machine_is_refused() -> None:
    """A sentence, whatever the system says."""
    import pytest

    from outcrop.core.errors import UsageError
    from outcrop.service.serve import refuse_taken_port

    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(UsageError, match=f"cannot listen at {host}, port 8000"):
            refuse_taken_port(host, 8000)
