"""From a request to a result or a job: files judged and kept, options checked, the fast lane tried first."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import UploadFile

from outcrop.core.task import Task
from outcrop.service.asked import Asked, check, fingerprint
from outcrop.service.headers import refuse_archive
from outcrop.service.house import House
from outcrop.service.jobs import new_id
from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.safety import (
    JP2,
    START,
    TIFF,
    Kind,
    is_table,
    kind_of,
    picture_size,
    refuse_pixels,
    refuse_unless,
    safe_stem,
    shown_name,
)

COMPANIONS = {b"PK\x03\x04": ".xlsx", b"SQLite format 3\0": ".gpkg"}
"""First bytes of files that a setting may name, beside tables and JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One file, kept.

    Attributes:
        name: under which it lies in the request's own folder.
        shown: what the client called it, made harmless.
        pixels: of a picture whose header says it; 0 otherwise.
    """

    name: str
    shown: str
    kind: Kind
    sha256: str
    pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request, read.

    Attributes:
        idempotency: what the client calls it, if anything.
        strict: True refuses pictures with several frames.
    """

    room: Task
    verb: str
    asked: Asked
    idempotency: str | None = None
    strict: bool = False


def submit(
    house: House, caller: Caller, wish: Wish, files: Sequence[UploadFile], companions: Sequence[UploadFile]
) -> tuple[str, dict[str, Any] | None]:
    """(id, the result's row where it is there already or was made at once, else None: a job).

    Raises:
        Problem, OutcropError: the request cannot be done; nothing of it is kept.
    """
    check(wish.asked, wish.room)
    if wish.idempotency and (found := house.jobs.same(caller.owner, "", wish.idempotency)):
        return found, None
    house.store.refuse_when_full()
    if not files:
        raise Problem(422, "no-file", "no file came: send at least one in the field file")
    id = new_id()
    try:
        taken = keep(house, id, wish, files)
        beside = _keep_companions(house, id, companions, {one.name for one in taken})
        return _begin(house, caller, wish, id, taken, beside)
    except BaseException:
        house.store.drop(id)
        raise


def keep(house: House, id: str, wish: Wish, files: Sequence[UploadFile]) -> list[Taken]:
    """Judge files by their content and keep them under harmless names."""
    found: list[Taken] = []
    names: set[str] = set()
    for upload in files:
        shown = shown_name(upload.filename)
        start = upload.file.read(START)
        upload.file.seek(0)
        kind = refuse_unless(kind_of(start, shown), start, wish.room.takes, shown, wish.room.name)
        pixels = 0
        if kind.small and (size := picture_size(upload.file, kind)):
            refuse_pixels(*size, house.settings.max_pixels, shown)
            pixels = size[0] * size[1]
        stem = _free(safe_stem(shown), kind.suffix, names)
        house.store.save(id, stem, upload.file)
        found.append(Taken(name=stem, shown=shown, kind=kind, sha256=_sha256(upload.file), pixels=pixels))
    return found


def _free(stem: str, suffix: str, names: set[str]) -> str:
    """A name that is not taken yet."""
    name, count = f"{stem}{suffix}", 1
    while name.casefold() in names:
        count += 1
        name = f"{stem}-{count}{suffix}"
    names.add(name.casefold())
    return name


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _keep_companions(house: House, id: str, companions: Sequence[UploadFile], names: set[str]) -> dict[str, str]:
    """Tables that settings name; (name → sha256)."""
    found: dict[str, str] = {}
    for upload in companions:
        shown = shown_name(upload.filename)
        start = upload.file.read(START)
        upload.file.seek(0)
        suffix = next((s for magic, s in COMPANIONS.items() if start.startswith(magic)), None)
        if suffix is None and is_table(start):
            suffix = ".csv"
        if suffix is None and start.lstrip()[:1] in (b"{", b"["):
            suffix = ".json"
        if suffix is None:
            raise Problem(415, "unknown-format", f"{shown} is no table: companions are CSV, JSON, Excel or GeoPackage")
        if suffix == ".xlsx":
            refuse_archive(upload.file, shown)
        name = f"{safe_stem(shown)}{suffix}"
        if name in names | set(found):
            raise Problem(422, "same-name", f"{shown} came twice: give every file a name of its own")
        house.store.save(id, name, upload.file)
        found[name] = _sha256(upload.file)
    return found


def _begin(
    house: House, caller: Caller, wish: Wish, id: str, taken: Sequence[Taken], beside: dict[str, str]
) -> tuple[str, dict[str, Any] | None]:  # fmt: skip
    """Give an earlier answer, answer at once, or queue a job."""
    files = {one.name: one.sha256 for one in taken} | beside
    key = fingerprint(wish.room, wish.verb, files, wish.asked)
    if found := house.store.known(caller.owner, key):
        house.store.drop(id)
        return found["id"], found
    work = {
        "folder": str(house.store.inputs(id).resolve()),
        "inputs": [one.name for one in taken],
        "asked": wish.asked.model_dump(),
    }
    payload = {"work": work, "names": {one.name: one.shown for one in taken}}
    name = taken[0].shown if len(taken) == 1 else f"{taken[0].shown} and {len(taken) - 1} more"
    only = taken[0]
    quick = (
        len(taken) == 1 and not beside and wish.verb == "predict" and wish.asked.plain and only.kind.small
        and 0 < only.pixels <= house.settings.small
    )  # fmt: skip
    if quick:
        return id, at_once(house, caller, wish, id, only, key, payload)
    if any(one.kind in (TIFF, JP2) for one in taken):
        _refuse_headers(house, taken, id)
    found_id, new = house.jobs.enqueue(
        id=id, owner=caller.owner, task=wish.room.name, verb=wish.verb, name=name, key=key, payload=payload,
        idempotency=wish.idempotency,
    )  # fmt: skip
    if not new:
        house.store.drop(id)
    house.wake()
    return found_id, None


def _refuse_headers(house: House, taken: Sequence[Taken], id: str) -> None:
    """Refuse rasters whose header claims more pixels than the limit; only the tags are read."""
    from outcrop.service.headers import raster_size

    for one in taken:
        if one.kind in (TIFF, JP2) and (size := raster_size(house.store.inputs(id) / one.name)):
            refuse_pixels(*size, house.settings.max_raster, one.shown)


def at_once(
    house: House, caller: Caller, wish: Wish, id: str, one: Taken, key: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """The result of a small picture, now; its files are made when they are asked for, or now where that would cost twice."""
    path = house.store.inputs(id) / one.name
    scene = house.decoder.decode(path, one.shown, strict=wish.strict)
    payload = {**payload, "at_once": True}
    if one.pixels <= house.settings.lazy:
        record = house.lane.answer(wish.room, scene, one.shown, one.sha256, wish.asked)
        written, size = False, path.stat().st_size
    else:
        part = house.store.part(id, 1)
        house.lane.write(wish.room, path, one.shown, part, wish.asked)
        record, size = house.store.settle(id, part)
        written = True
    row = house.store.row(
        id=id, owner=caller.owner, task=wish.room.name, verb=wish.verb, name=one.shown, key=key, payload=payload,
        record=record, written=written, size=size,
    )  # fmt: skip
    house.store.add(row)
    return {**row, "record": record, "payload": payload}


def written(house: House, row: dict[str, Any]) -> dict[str, Any]:
    """The row of a result whose files are there; they are made now where they were not.

    Raises:
        Problem: 410, what was sent has been deleted, so that they cannot be made any more.
    """
    if row["written"]:
        return row
    with house.lock(row["id"]):
        if (house.store.out(row["id"]) / "summary.json").is_file():
            return house.store.get(row["id"], Caller(owner=row["owner"], role="admin"))
        work = row["payload"]["work"]
        path = house.store.inputs(row["id"]) / work["inputs"][0]
        if not path.is_file():
            raise Problem(
                410, "gone", "what was sent has been deleted, so its files cannot be made any more: send it again"
            )
        part = house.store.part(row["id"], 1)
        house.lane.write(house.room(row["task"]), path, row["name"], part, Asked(**work["asked"]))
        record, size = house.store.settle(row["id"], part)
        house.store.wrote(row["id"], record, size)
    return {**row, "record": record, "written": 1, "bytes": size}
