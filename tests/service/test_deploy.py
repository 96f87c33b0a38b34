"""What brings the service to a machine: the image's steps are a script, and what they lead to starts, answers and stops."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
WEB = "src/outcrop/service/web"
LONGEST = 150.0
"""Seconds after which installing counts as impossible here."""


def steps() -> list[str]:
    """What the image's stages run."""
    return re.findall(r"^RUN (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)


def run(step: str, source: Path, prefix: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """A step of the image, on this machine; skipped where it takes too long."""
    line = step.replace("/source", shlex.quote(str(source))).replace("/opt/outcrop", shlex.quote(str(prefix)))
    try:
        return subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, check=False, timeout=LONGEST, env={**os.environ, **more}
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"takes more than {LONGEST:g} s here: {step}")


def test_the_image_runs_the_script_and_no_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    *script, user = steps()
    assert [re.sub(r"^OUTCROP_SLIM=1 ", "", step) for step in script] == [
        "/source/deploy/install.sh --page", "/source/deploy/install.sh /opt/outcrop",
    ]  # fmt: skip
    assert (
        user.startswith("useradd ")
        and "--uid 10001" in user
        and text.index("USER 10001") > text.index("COPY --from=build")
    )
    assert "HEALTHCHECK" in text and text.count("FROM ${PYTHON}") == 2
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


def test_the_first_step_of_the_image_builds_the_page(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    for name in ("page", "deploy"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules"))
    done = run(steps()[0], tmp_path, tmp_path)
    if re.search(r"ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOTCACHED", done.stderr):
        pytest.skip("npm cannot reach its packages")
    assert done.returncode == 0, done.stderr
    assert "<script" in (tmp_path / WEB / "index.html").read_text()


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that other users may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="outcrop-deploy-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def nobody(folder: Path) -> tuple[tuple[str, ...], str]:
    """(words that start a command as somebody who owns nothing, a Python that such a one may run)."""
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    for python in dict.fromkeys((os.path.realpath(sys.executable), "/usr/bin/python3")):
        # It must start itself, too: who has just given up root may still reach places that a child cannot.
        told = "import sys, subprocess as s, venv, ensurepip; s.run([sys.executable, '-c', ''], check=True); assert sys.version_info >= (3, 11)"
        line = [*words, python, "-c", told]
        try:
            if subprocess.run(line, capture_output=True, timeout=30, check=False, cwd=folder).returncode == 0:
                return words, python
        except OSError:
            continue
    pytest.skip("no Python here may be run by another user")


def test_the_steps_of_the_image_lead_to_a_service_that_answers(
    open_place: Path, picture: Callable[..., bytes], live: Any
) -> None:
    """Installed by the script, owned by another and so not written to, run by nobody, with one folder of its own."""
    words, python = nobody(open_place)
    reach = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--quiet",
        "--no-deps",
        "--target",
        open_place,
        "granian==2.8.7",
    ]
    if subprocess.run(reach, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("pip cannot reach packages")
    source, prefix, home = open_place / "source", open_place / "outcrop", open_place / "home"
    skipped = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("src", "deploy"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=skipped)
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(REPOSITORY / name, source)
    everything = os.environ.get("OUTCROP_IMAGE") == "1"
    done = run(steps()[1], source, prefix, PYTHON=python, OUTCROP_EXTRAS="serve,geo" if everything else "serve")
    assert done.returncode == 0, done.stderr
    assert "outcrop " in done.stdout and not list(prefix.glob("bin/pip*"))
    home.mkdir()
    home.chmod(0o777)
    if not words:
        subprocess.run(["chmod", "-R", "a-w", prefix], check=True, timeout=60)
    try:
        before = sorted(path for path in prefix.rglob("*"))
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        more = {"cwd": home, "env": {**environment, "HOME": str(home), "TMPDIR": str(home)}}
        service = live(
            "--folder", "service", "--task", "salt", command=(*words, str(prefix / "bin" / "outcrop")), **more
        ).wait()
        status, answer = service.send("/tasks/salt/predict", picture(), "drawn.png")
        assert status == 200 and answer["record"]["inputs"][0]["measurements"], answer
        assert service.ask("GET", f"/results/{answer['id']}/report.html")[0] == 200, "made when it is asked for"
        assert json.loads(service.ask("GET", f"/results/{answer['id']}")[1])["files"]
        if (REPOSITORY / WEB / "index.html").is_file():
            assert b"assets/" in service.ask("GET", "/")[1]
        assert service.stop() == 0
        assert sorted(path for path in prefix.rglob("*")) == before
    finally:
        subprocess.run(["chmod", "-R", "u+w", prefix], check=False, timeout=60)


def test_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    text = (DEPLOY / "outcrop.service").read_text()
    unit = tmp_path / "outcrop.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={shutil.which('true')}", text, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "outcrop.service" not in done.stderr, done.stderr


def test_the_unit_calls_a_command_that_exists() -> None:
    from typer.main import get_command

    from outcrop.cli import app

    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DEPLOY / "outcrop.service").read_text())
    verb, *rest = unit["Service"]["ExecStart"].split()[1:]
    known = {text for parameter in get_command(app).commands[verb].params for text in parameter.opts}  # type: ignore[attr-defined]
    assert {word for word in rest if word.startswith("--")} <= known


def test_every_line_of_the_procfile_starts_and_together_they_do_a_job(
    tmp_path: Path, encode: Callable[..., bytes], live: Any
) -> None:
    lines = dict(line.split(": ", 1) for line in (DEPLOY / "Procfile").read_text().splitlines())
    assert set(lines) == {"web", "worker"}
    outcrop = [sys.executable, "-m", "outcrop"]
    key = subprocess.run(
        [*outcrop, "keys", "add", "Ana"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    bearer = {"authorization": f"Bearer {key.stdout.strip()}"}
    worker = subprocess.Popen([*outcrop, *lines["worker"].split()[1:]], cwd=tmp_path)
    try:
        web = live(*lines["web"].split()[2:], "--set", "preload=false", cwd=tmp_path).wait()
        mask = encode(np.pad(np.ones((8, 20), np.uint8), 6))
        status, job = web.send("/tasks/salt/measure", mask, "cut.mask.png", **bearer)
        assert status == 202, job
        for _ in range(300):
            job = json.loads(web.ask("GET", f"/jobs/{job['id']}", **bearer)[1])
            if job["state"] not in ("queued", "running"):
                break
            time.sleep(0.1)
        assert job["state"] == "done", job
        assert web.ask("GET", "/results")[0] == 401
        assert web.stop() == 0
    finally:
        worker.terminate()
        assert worker.wait(30) == 0


def test_the_production_server_starts_answers_and_stops(tmp_path: Path, live: Any) -> None:
    server = live("--folder", str(tmp_path / "service"), "--set", "preload=false").wait()
    assert b"salt" in server.ask("GET", "/tasks")[1]
    assert server.stop() == 0
    with pytest.raises(OSError):
        server.ask("GET", "/livez")


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
