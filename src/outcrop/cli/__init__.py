"""The command line: ``outcrop VERB TASK ...``. Every verb imports what it needs when it is called."""

import sys

import typer

from outcrop import __version__

app = typer.Typer(
    name="outcrop",
    help="See what extraction leaves in the earth, on it and above it, and measure it, with error bars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


def _version(asked: bool) -> None:
    """Print the version and stop."""
    if asked:
        typer.echo(f"outcrop {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """See what extraction leaves in the earth, on it and above it, and measure it, with error bars."""


from outcrop.cli import follow, land, learn, serve, show, use

__all__ = ["app", "follow", "land", "learn", "main", "serve", "show", "use"]


INTERRUPTED = 130
"""Exit code of a command that was stopped by hand, as shells have it."""


def _stop(sentence: str, code: int) -> None:
    """One sentence on standard error, and out."""
    typer.secho(f"outcrop: {sentence}", fg="red", err=True)
    sys.exit(code)


def main() -> None:
    """Run a command; every error meant for the user is one sentence on standard error and an exit code."""
    from outcrop.core.errors import OutcropError, exit_code

    try:
        app()
    except OutcropError as error:
        _stop(str(error), exit_code(error))
    except OSError as error:
        where = error.filename or "a file"
        _stop(f"{where} cannot be read or written ({error.strerror or error}): check the disk and its permissions", 3)
    except MemoryError:
        _stop("there is not enough memory for this: cut the input into parts", 3)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer has turned the user's Ctrl-C into an exit
            typer.echo(
                "outcrop: stopped; repeat the command to go on, with --resume where it has that option", err=True
            )
        raise
