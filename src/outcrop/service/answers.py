"""Rows of the tables as what clients get, and files with one range at a time."""

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse

from outcrop.service.house import House
from outcrop.service.problems import Problem

MEDIA = {
    ".tif": "image/tiff", ".sgy": "application/octet-stream", ".npy": "application/octet-stream", ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json", ".parquet": "application/vnd.apache.parquet", ".fgb": "application/octet-stream",
    ".ply": "application/octet-stream", ".csv": "text/csv; charset=utf-8", ".json": "application/json", ".jsonl": "application/jsonl",
    ".html": "text/html; charset=utf-8", ".png": "image/png", ".webm": "video/webm", ".mp4": "video/mp4", ".svg": "text/plain",
}  # fmt: skip
INLINE = (".png", ".html", ".json", ".csv", ".geojson")
"""What a browser may show; all the rest is for saving."""

PAGE_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups"
"""A report carries its pictures and runs nothing, so nothing more is allowed to it."""


def media(name: str) -> str:
    """Media type by suffix."""
    return MEDIA.get(Path(name).suffix.lower()) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def files(folder: Path, address: str) -> list[dict[str, Any]]:
    """Every file below a folder, as ``schemas.File`` has it."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and not p.name.startswith("."))
    names = [path.relative_to(folder).as_posix() for path in found]
    return [
        {"name": name, "bytes": path.stat().st_size, "media": media(name), "href": f"{address}/{quote(name)}"}
        for name, path in zip(names, found, strict=True)
    ]


def links(id: str) -> dict[str, str]:
    """Where everything about a run is."""
    return {
        "self": f"/results/{id}", "job": f"/jobs/{id}", "events": f"/jobs/{id}/events", "measure": f"/results/{id}/measure",
        "corrections": f"/results/{id}/corrections",
    }  # fmt: skip


def of_result(house: House, row: Mapping[str, Any], *, listed: bool = False) -> dict[str, Any]:
    """A result as ``schemas.Answer``; with its files where they are wanted."""
    id = row["id"]
    more = {}
    if listed:
        more = {
            "files": files(house.store.out(id), f"/results/{id}"),
            "inputs": files(house.store.inputs(id), f"/results/{id}/inputs"),
        }
    plain = {name: row[name] for name in ("id", "task", "verb", "name", "created", "expires", "parent", "record")}
    return {**plain, "state": "done", "progress": 1.0, "links": links(id), **more}


def of_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job as ``schemas.Answer``, without a record."""
    plain = {
        name: job[name] for name in ("id", "task", "verb", "state", "name", "created", "progress", "stage", "problem")
    }
    return {**plain, "parent": job["payload"].get("parent"), "links": links(job["id"])}


def inside(folder: Path, name: str) -> Path:
    """A file below a folder.

    Raises:
        Problem: 404, there is none; also for anything that leads out of the folder.
    """
    path = folder / name
    hidden = any(part.startswith(".") for part in Path(name).parts)
    try:
        fine = not hidden and "\0" not in name and path.resolve().is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):
        fine = False
    if not fine or path.is_symlink():
        raise Problem(404, "absent", f"there is no file {name[:80]!r} in this result: its list of files names all")
    return path


def served(request: Request, path: Path, *, original: bool = False) -> FileResponse:
    """One file; a single range is honoured, several give the whole.

    Args:
        original: it is what a client sent, so no browser shows it.
    """
    ranges = request.headers.get("range", "")
    if "," in ranges or len(ranges) > 100 or (ranges and not ranges.startswith("bytes=")):
        request.scope["headers"] = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    suffix = path.suffix.lower()
    save = original or suffix not in INLINE or "download" in request.query_params
    headers = {"cache-control": "private, max-age=60"}
    if suffix == ".html":
        headers["content-security-policy"] = PAGE_POLICY
    kind = "application/octet-stream" if original else media(path.name)
    return FileResponse(
        path,
        headers=headers,
        media_type=kind,
        filename=path.name,
        content_disposition_type="attachment" if save else "inline",
    )
