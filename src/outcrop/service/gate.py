"""What every request passes first: who asks, from where, how often, how much, how slowly; and what every answer carries."""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders

from outcrop.service.keys import LOCAL, Caller, Keys
from outcrop.service.metrics import Metrics
from outcrop.service.problems import Problem, answer, problem_of
from outcrop.service.settings import LOOPBACK, Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing leaves the origin, and no script or style but the service's own is used; pages of results are held tighter still."""

HEADERS = {
    "content-security-policy": POLICY, "x-content-type-options": "nosniff", "x-frame-options": "DENY",
    "referrer-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin", "permissions-policy": "camera=(), microphone=(), geolocation=()",
}  # fmt: skip

GUARDED = ("tasks", "jobs", "results", "models", "metrics")
"""First words of the addresses that need a key where keys are wanted; the rest is health, words and the page itself."""

SAFE = ("GET", "HEAD", "OPTIONS")
WITH_FILES = re.compile(r"/tasks/[^/]+/(predict|measure)|/results/[^/]+/corrections")
PLAIN_BODY = 1 << 20
"""Addresses that take files, and bytes of a body anywhere else: JSON is held whole before it can be judged."""

GRACE = 5.0
"""Seconds before the speed of an upload is judged."""


class Buckets:
    """How often each client may ask: ``rate`` a second, ``burst`` at once; the 10 000 latest clients are remembered."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> tuple[float, float]:
        """(tokens left, seconds to wait before the next one); tokens below 0 mean a refusal."""
        now = time.monotonic()
        tokens, then = self.held.pop(client, (float(self.burst), now))
        tokens = min(tokens + (now - then) * self.rate, self.burst)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        self.held[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self.held) > 10_000:
            self.held.popitem(last=False)
        return tokens - 1, wait


class Gate:
    """ASGI middleware in front of everything."""

    def __init__(self, app: App, *, settings: Settings, keys: Keys, metrics: Metrics) -> None:
        self.app, self.settings, self.keys, self.metrics = app, settings, keys, metrics
        self.buckets = Buckets(settings.rate, settings.burst)
        # Where keys are wanted, a page that makes a browser believe in another host gains nothing; without keys it would.
        free = {"*"} if not settings.open and not settings.hosts else set()
        self.hosts = {*LOOPBACK, "[::1]", *settings.hosts, *free}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge the request, then let the application answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), [0]
        extra = {**HEADERS, "x-request-id": uuid4().hex[:16]}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in extra.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        self.metrics.open.inc()
        try:
            self._judge(scope, extra)
            await self.app(scope, self._measured(scope, receive), sending)
        except Problem as problem:
            if not status[0]:
                await answer(problem, scope["path"])(scope, receive, sending)
        except Exception as error:
            if status[0]:
                raise
            await answer(problem_of(error), scope["path"])(scope, receive, sending)
        finally:
            self.metrics.open.dec()
            self.metrics.request(scope, status[0] or 499, time.perf_counter() - began)

    def _judge(self, scope: Scope, extra: dict[str, str]) -> None:
        """Refuse what should not be here; note who asks."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if "*" not in self.hosts and name.lower() not in self.hosts:
            raise Problem(
                400,
                "unknown-host",
                "this service is not reached under that name: the operator lists names with --allow-host",
            )
        if scope["method"] not in SAFE:
            self._same_origin(headers, host)
        client = self._client(scope, headers)
        try:
            caller = self._caller(scope, headers)
        except Problem:
            self._rated(f"refused@{client}", extra)
            raise
        scope.setdefault("state", {})["caller"] = caller
        self._rated(f"{caller.owner}@{client}", extra)
        length = headers.get("content-length")
        if length is not None and (not length.isdecimal() or int(length) > self._most(scope)):
            raise self._too_large(scope, int(length) if length.isdecimal() else 0)

    def _same_origin(self, headers: Headers, host: str) -> None:
        """Pages of other origins may not act for whoever sits at this machine."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if foreign or site == "cross-site":
            raise Problem(
                403, "foreign-origin", "a page of another origin may not do this: open the service's own page"
            )

    def _caller(self, scope: Scope, headers: Headers) -> Caller:
        """Who asks, and whether the role is enough."""
        path = scope["path"]
        if path.lstrip("/").split("/", 1)[0] not in GUARDED:
            return Caller(owner="anyone", role="viewer")
        if not self.keys.wanted() and self.settings.open:
            return LOCAL
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        given = headers.get("x-api-key") or (rest.strip() if scheme.lower() == "bearer" else "")
        found = self.keys.caller(given) if given else None
        if found is None:
            said = "this key is not known or was revoked" if given else "this needs a key"
            sentence = f"{said}: send it as  Authorization: Bearer outcrop_..."
            raise Problem(401, "no-key", sentence, headers={"WWW-Authenticate": 'Bearer realm="outcrop"'})
        needed = "admin" if path == "/metrics" else "viewer" if scope["method"] in SAFE else "analyst"
        if not found.may(needed):
            raise Problem(
                403, "role", f"this key's role is {found.role}, and {needed} is wanted: ask the operator for another"
            )
        return found

    def _client(self, scope: Scope, headers: Headers) -> str:
        """The address that the request came from; a proxy is believed only where the operator named it."""
        address = (scope.get("client") or ("unknown", 0))[0]
        if address in self.settings.proxies and (said := headers.get("x-forwarded-for")):
            return said.rsplit(",", 1)[-1].strip()[:64]
        return str(address)

    def _rated(self, client: str, extra: dict[str, str]) -> None:
        rate, burst = self.settings.rate, self.settings.burst
        if not rate:
            return
        tokens, wait = self.buckets.take(client)
        extra["ratelimit-policy"] = f'"requests";q={burst};w={max(round(burst / rate), 1)}'
        extra["ratelimit"] = f'"requests";r={max(int(tokens), 0)};t={max(round(wait), 1)}'
        if tokens < 0:
            seconds = max(round(wait + 0.5), 1)
            detail = f"more than {rate:g} requests a second came: try again in {seconds} s"
            raise Problem(429, "rate", detail, headers={"Retry-After": str(seconds)}, limit=rate)

    def _most(self, scope: Scope) -> int:
        """Bytes that the body of a request may have."""
        files = WITH_FILES.fullmatch(scope["path"].rstrip("/"))
        return self.settings.max_body if files else min(PLAIN_BODY, self.settings.max_body)

    def _too_large(self, scope: Scope, got: int) -> Problem:
        limit = self._most(scope)
        shown = f"{limit / 1e6:.0f} MB" if limit >= 1e6 else f"{limit} bytes"
        detail = f"the request is over {shown}: split the file, or use `outcrop predict` on the machine itself"
        facts: dict[str, Any] = {"got": got} if got else {}
        return Problem(413, "too-many-bytes", detail, limit=limit, **facts)

    def _measured(self, scope: Scope, receive: Receive) -> Receive:
        """``receive`` with a limit on bytes, on time, and on slowness."""
        total, most, began, done = 0, self._most(scope), time.monotonic(), False

        async def measured() -> Message:
            nonlocal total, done
            if done:
                return await receive()
            spent = time.monotonic() - began
            patience = min(GRACE + total / self.settings.body_rate, self.settings.body_seconds) - spent
            try:
                message = await asyncio.wait_for(receive(), max(patience, 0.01))
            except TimeoutError:
                detail = f"after {spent:.0f} s only {total} bytes have come: send it faster, or through a proxy that collects it"
                raise Problem(408, "slow", detail, limit=self.settings.body_rate) from None
            total += len(message.get("body", b""))
            done = message["type"] != "http.request" or not message.get("more_body", False)
            if total > most:
                raise self._too_large(scope, 0)
            return message

        return measured
