"""What brings the service to a machine: the image's steps are a script, and the server that production uses starts and stops."""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"


def test_the_image_runs_the_script_and_no_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "/source/deploy/install.sh /opt/outcrop" in text
    assert text.index("USER outcrop") > text.index("COPY --from=build") and "HEALTHCHECK" in text
    assert not re.search(r"apt-get|sudo|curl |:latest", text)


def test_hadolint_finds_nothing_in_the_image() -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("needs hadolint")
    done = subprocess.run(["hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_the_script_is_one_that_a_plain_shell_reads() -> None:
    done = subprocess.run(["sh", "-n", DEPLOY / "install.sh"], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, done.stderr
    assert os.access(DEPLOY / "install.sh", os.X_OK)


def test_the_steps_of_the_image_lead_to_a_service_that_answers(tmp_path: Path) -> None:
    if os.environ.get("OUTCROP_IMAGE") != "1":
        pytest.skip("installs everything anew, which takes minutes: set OUTCROP_IMAGE=1")
    subprocess.run(
        [DEPLOY / "install.sh", tmp_path / "outcrop"], check=True, timeout=1200, env={**os.environ, "OUTCROP_SLIM": "1"}
    )
    _answers([str(tmp_path / "outcrop" / "bin" / "outcrop")], tmp_path)


def test_the_unit_and_the_procfile_call_commands_that_exist() -> None:
    from typer.main import get_command

    from outcrop.cli import app

    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DEPLOY / "outcrop.service").read_text())
    started = [unit["Service"]["ExecStart"].split(None, 1)[1]]
    started += [line.split("outcrop ", 1)[1] for line in (DEPLOY / "Procfile").read_text().splitlines()]
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for line in started:
        verb, *rest = line.split()
        known = {text for parameter in commands[verb].params for text in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, line


def _answers(command: list[str], folder: Path) -> None:
    """The production server starts, answers, cuts off a client that sends half a header, and stops without leaving processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([*command, "serve", "--port", str(port), "--folder", str(folder / "service"), "--set", "preload=false"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)  # fmt: skip
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    assert json.loads(answer.read())["ready"]
                break
            except OSError:
                assert server.poll() is None, "the server has ended"
                time.sleep(0.2)
        else:
            pytest.fail("the server did not answer within a minute")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/tasks", timeout=30) as answer:
            assert "salt" in answer.read().decode()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5)


def test_the_production_server_starts_answers_and_stops(tmp_path: Path) -> None:
    pytest.importorskip("granian", reason="needs granian: pip install 'outcrop[serve]'")
    _answers([sys.executable, "-m", "outcrop"], tmp_path)


def test_another_address_without_a_key_is_refused_on_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "outcrop", "serve", "--host", "0.0.0.0", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "outcrop keys add" in done.stderr


def test_keys_are_made_listed_and_revoked_on_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from outcrop.cli import app

    runner, place = CliRunner(), ["--folder", str(tmp_path)]
    key = runner.invoke(app, ["keys", "add", "Ana", "--role", "viewer", *place]).stdout.strip()
    assert key.startswith("outcrop_") and len(key) > 45
    listed = runner.invoke(app, ["keys", "list", *place]).stdout
    assert key[:14] in listed and key not in listed and "Ana" in listed
    assert runner.invoke(app, ["keys", "revoke", key[:14], *place]).exit_code == 0
    assert "revoked" in runner.invoke(app, ["keys", "list", *place]).stdout
