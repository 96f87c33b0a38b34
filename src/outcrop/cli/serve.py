"""Verbs of the service: serve, worker, keys, corrections."""

from pathlib import Path
from typing import Annotated, Any

import typer

from outcrop.cli import app

keys = typer.Typer(help="Keys of the service: who may look, run, and see everything.", no_args_is_help=True)
corrections = typer.Typer(help="Masks that were corrected in the service's page.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(corrections, name="corrections")

Folder = Annotated[Path, typer.Option("--folder", help="Where results and the job table lie.")]
Database = Annotated[
    str,
    typer.Option(
        "--database", envvar="OUTCROP_DATABASE", help="postgresql://user@host/name; SQLite in --folder unless given."
    ),
]
HOME = Path("outcrop-service")


def _engine(folder: Path, database: str) -> Any:
    """The service's tables, and the folder beside them."""
    from outcrop.service.settings import Settings
    from outcrop.service.tables import connect

    settings = Settings(folder=folder, database=database)
    return settings, connect(settings.url)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; anything but loopback needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", help="Port to listen at.")] = 8000,
    folder: Folder = HOME, database: Database = "",
    workers: Annotated[int, typer.Option(help="Jobs done at a time; 0 where `outcrop worker` runs elsewhere.")] = 1,
    max_body: Annotated[int, typer.Option(help="Megabytes of one request.")] = 200,
    max_pixels: Annotated[int, typer.Option(help="Pixels of a picture decoded whole; 0 takes what the memory allows.")] = 0,
    keep_days: Annotated[float, typer.Option(help="Days that results are kept.")] = 7.0,
    rate: Annotated[float, typer.Option(help="Requests a second of one client; 0 is unlimited.")] = 200.0,
    queue: Annotated[int, typer.Option(help="Jobs that may wait.")] = 100,
    allow_host: Annotated[list[str] | None, typer.Option(help="Name under which the service is reached.")] = None,
    proxy: Annotated[list[str] | None, typer.Option(help="Address of a proxy whose X-Forwarded-For is believed.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Offer only this room.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A further setting: NAME=VALUE, see docs/service.md.")] = None,
) -> None:  # fmt: skip
    """Serve the rooms over HTTP, with a page, a job queue and files of results."""
    from outcrop.cli.words import pairs
    from outcrop.service.serve import said
    from outcrop.service.serve import serve as run

    given: dict[str, Any] = {
        "host": host, "port": port, "folder": str(folder), "database": database, "workers": workers, "max_body": max_body << 20,
        "keep_days": keep_days, "rate": rate, "queue": queue, "hosts": allow_host or [], "proxies": proxy or [], "rooms": task or [],
        **({"max_pixels": max_pixels} if max_pixels else {}),
    }  # fmt: skip
    run(said(given, pairs(settings, "--set")))


@app.command()
def worker(
    folder: Folder = HOME, database: Database = "",
    settings: Annotated[list[str] | None, typer.Option("--set", help="A further setting: NAME=VALUE, see docs/service.md.")] = None,
) -> None:  # fmt: skip
    """Do jobs of a service whose folder and database are shared, until stopped."""
    import os

    from outcrop.cli.words import pairs
    from outcrop.service.serve import said
    from outcrop.service.settings import VARIABLE
    from outcrop.service.worker import main

    given = {"folder": str(folder), "database": database}
    os.environ[VARIABLE] = said(given, pairs(settings, "--set")).to_json()
    main()


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    role: Annotated[str, typer.Option(help="viewer, analyst or admin.")] = "analyst",
    folder: Folder = HOME, database: Database = "",
) -> None:  # fmt: skip
    """Make a key and print it, this once."""
    from outcrop.service.keys import Keys

    typer.echo(Keys(_engine(folder, database)[1]).add(name, role))


@keys.command("list")
def list_keys(folder: Folder = HOME, database: Database = "") -> None:
    """List the keys by their first letters."""
    from datetime import UTC, datetime

    from outcrop.service.keys import Keys

    for key in Keys(_engine(folder, database)[1]).listed():
        made = datetime.fromtimestamp(key["created"], UTC).date()
        typer.echo(f"{key['prefix']}…  {key['role']:8} {made}  {key['name']}{'  revoked' if key['revoked'] else ''}")


@keys.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="Its first letters, as `outcrop keys list` shows them.")],
    folder: Folder = HOME, database: Database = "",
) -> None:  # fmt: skip
    """End a key."""
    from outcrop.core.errors import UsageError
    from outcrop.service.keys import Keys

    if not Keys(_engine(folder, database)[1]).revoke(prefix.rstrip("…")):
        raise UsageError(f"no key begins with {prefix!r}: `outcrop keys list` shows them")


@corrections.command("export")
def export_corrections(
    task: Annotated[str, typer.Argument(help="The room.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the training data.", show_default=False)],
    folder: Folder = HOME, database: Database = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write into a folder that holds other files.")] = False,
) -> None:  # fmt: skip
    """Write corrected masks as a folder that `outcrop train` takes."""
    from outcrop.service.corrections import export
    from outcrop.service.store import Store

    settings, engine = _engine(folder, database)
    count = export(Store(settings, engine), engine, task, out, overwrite=overwrite)
    typer.echo(f"{count} pictures with corrected masks in {out}")
