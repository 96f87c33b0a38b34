"""API keys: 256 random bits shown once, kept as SHA-256 with the first letters; a role says what a key may do."""

import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from outcrop.core.errors import UsageError
from outcrop.service.tables import keys

ROLES = ("viewer", "analyst", "admin")
"""What each may do includes what those before it may: look; run, correct and delete; everybody's results and metrics."""

LEAD = "outcrop_"
SHOWN = 14
"""Letters of a key that are kept in the clear, to tell keys apart."""

REMEMBERED = 10.0
"""Seconds for which a key that was found is not looked up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        owner: name under which results are kept; of a key, its first letters.
    """

    owner: str
    role: str

    def may(self, role: str) -> bool:
        """Whether the role is enough."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, owner: str) -> bool:
        """Whether another's results are shown."""
        return self.owner == owner or self.role == "admin"


LOCAL = Caller(owner="local", role="admin")
"""Whoever sits at this machine, where no key is wanted."""


class Keys:
    """The table of keys."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._known: dict[str, tuple[float, Caller]] = {}
        self._any: tuple[float, bool] = (0.0, False)

    def add(self, name: str, role: str) -> str:
        """A new key; this is the only time that it can be read.

        Raises:
            UsageError: no such role.
        """
        if role not in ROLES:
            raise UsageError(f"no role {role!r}: choose one of {', '.join(ROLES)}")
        key = LEAD + secrets.token_urlsafe(32)
        row = {"prefix": key[:SHOWN], "hash": _hash(key), "name": name[:100], "role": role, "created": time.time()}
        with self.engine.begin() as connection:
            connection.execute(insert(keys).values(row))
        self._forget()
        return key

    def revoke(self, prefix: str) -> bool:
        """End a key; False when there is none of this beginning."""
        ended = (
            update(keys).where(keys.c.prefix == prefix[:SHOWN], keys.c.revoked.is_(None)).values(revoked=time.time())
        )
        with self.engine.begin() as connection:
            found = connection.execute(ended).rowcount > 0
        self._forget()
        return found

    def _forget(self) -> None:
        """Look everything up again: this process has changed it."""
        self._known, self._any = {}, (0.0, False)

    def listed(self) -> list[Mapping[str, Any]]:
        """Every key without what makes it one."""
        columns = (keys.c.prefix, keys.c.name, keys.c.role, keys.c.created, keys.c.revoked)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(*columns).order_by(keys.c.created)).mappings()]

    def wanted(self) -> bool:
        """Whether there is any key: then every request needs one."""
        now = time.monotonic()
        if now - self._any[0] > REMEMBERED or not self._any[0]:
            with self.engine.connect() as connection:
                count = connection.scalar(select(func.count()).select_from(keys).where(keys.c.revoked.is_(None)))
            self._any = (now, bool(count))
        return self._any[1]

    def caller(self, key: str) -> Caller | None:
        """Whose key it is; None for one that is not known or was revoked."""
        if not key.startswith(LEAD) or len(key) > 100:
            return None
        digest, now = _hash(key), time.monotonic()
        held = self._known.get(digest)
        if held and now - held[0] < REMEMBERED:
            return held[1]
        with self.engine.connect() as connection:
            row = connection.execute(
                select(keys.c.hash, keys.c.role).where(keys.c.prefix == key[:SHOWN], keys.c.revoked.is_(None))
            ).first()
        if row is None or not hmac.compare_digest(row.hash, digest):
            return None
        found = Caller(owner=key[:SHOWN], role=row.role)
        self._known = {**dict(list(self._known.items())[-500:]), digest: (now, found)}
        return found


def _hash(key: str) -> str:
    # Keys hold 256 random bits, so a plain hash is enough: there is no dictionary to try.
    return sha256(key.encode()).hexdigest()
