"""Where limited processes come from: one small process that holds libraries and nothing else, and forks on demand.

It is started as a program of its own, so it knows no file, no socket and no secret of the service. Each order names what
to do, and carries one end of a pipe. (``multiprocessing`` has such a server too, but its processes import the main program
again, which fails for services that are embedded in a script.)
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from outcrop.service.settings import harden

ORDER = 1 << 20
"""Bytes of an order at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A forked process and the service's end of its pipe."""

    pid: int
    pipe: Connection

    def end(self) -> None:
        """Close the pipe and end the process, whatever it is doing."""
        self.pipe.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)


class Forks:
    """The service's side; the small process is started when it is first needed, and again when it has died."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, order: Mapping[str, Any]) -> Child:
        """A process that does what the order says; see ``outcrop.service.child``.

        Raises:
            OSError: no process can be had.
        """
        mine, other = Pipe()
        try:
            with self._turn:
                try:
                    pid = self._ask(order, other.fileno())
                except OSError:
                    self._stop()
                    pid = self._ask(order, other.fileno())
        except OSError:
            mine.close()
            raise
        finally:
            other.close()
        return Child(pid=pid, pipe=mine)

    def _ask(self, order: Mapping[str, Any], handle: int) -> int:
        if self._server is None or self._server.poll() is not None or self._control is None:
            self._open()
        if self._control is None:
            raise OSError("the process that forks cannot be started")
        socket.send_fds(self._control, [json.dumps(order).encode()], [handle])
        answer = self._control.recv(32)
        if not answer:
            raise OSError("the process that forks has ended")
        return int(answer)

    def _open(self) -> None:
        self._stop()
        harden()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(60)
        # The size of an order is bounded by what one packet may hold.
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ORDER)
        command = [sys.executable, "-m", "outcrop.service.forks", str(theirs.fileno())]
        self._server = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._control = ours

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            self._server.kill()
            self._server.wait(10)
        self._server, self._control = None, None

    def close(self) -> None:
        """End the process that forks; those that it forked end when their pipes close."""
        with self._turn:
            self._stop()

    @property
    def pid(self) -> int | None:
        """Of the process that forks."""
        return self._server.pid if self._server else None


def _serve(control: socket.socket) -> None:
    """Fork for each order until the service closes its end."""
    while True:
        try:
            packet, handles, _, _ = socket.recv_fds(control, ORDER, 1)
        except OSError:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not packet or not handles:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            _be_child(json.loads(packet), handles[0])
        os.close(handles[0])
        control.send(str(pid).encode())


def _be_child(order: dict[str, Any], handle: int) -> None:
    """Do the order and end, without anything that the parent would do at its end."""
    code = 1
    try:
        from outcrop.service.child import decode_loop, run_job

        {"decode": decode_loop, "job": run_job}[order.pop("do")](Connection(handle), order)
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    """The small process."""

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which closes the pipe
    from outcrop.service.child import hold

    control = socket.socket(fileno=int(sys.argv[1]))
    hold()
    _serve(control)


if __name__ == "__main__":
    main()
