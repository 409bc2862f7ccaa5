"""What people and services do all day, at a steady rate: each errand at its moment, whatever the others take."""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

from bench.faults.browsing import authorization_query, code_of
from bench.faults.caller import JSON, LOST, Answer, Tally
from bench.faults.ledger import code_fields, proof
from bench.faults.lines import Lines, form, posted
from bench.faults.site import APP, PASSWORD, SCOPE, SERVICE, WEB, Site

WEIGHTS = {"refresh": 91.0, "service": 3.0, "login": 1.5, "code": 1.5, "revoke": 1.5, "logout": 1.0, "wrong": 0.5}
"""Of a hundred errands. A code is two requests. So many refreshes that there are a million in an hour."""
MOST_FAMILIES = 600
"""Whoever has more devices forgets the oldest."""
PEOPLE = 2_000
MOST_AT_ONCE = 300
"""More errands than that are under way only if the server has stopped to answer."""


@dataclass(slots=True)
class Errands:
    """Around one port; `done` counts what was answered well."""

    site: Site
    lines: Lines
    seed: int
    per_second: float
    done: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    """Errands that were due while too many were under way."""
    tally: Tally = field(default_factory=Tally)
    _families: deque[tuple[str, str]] = field(default_factory=deque)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - no secret

    async def run(self, seconds: float) -> None:
        """Start errands for so long, with gaps as between strangers (exponential), then let the last ones end."""
        under_way: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        until = due + seconds
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += self._chance.expovariate(self.per_second)
            if len(under_way) >= MOST_AT_ONCE:
                self.left_out += 1
                continue
            task = asyncio.ensure_future(self._one())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        self.lines.close()

    async def _one(self) -> None:
        kind = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind in {"refresh", "revoke", "logout"} and not self._families:
            kind = "login"
        kinds: dict[str, Callable[[], Awaitable[bool]]] = {
            "refresh": self._refresh, "service": self._service, "login": self._login, "code": self._code,
            "revoke": self._revoke, "logout": self._logout, "wrong": self._wrong,
        }  # fmt: skip
        is_done = await kinds[kind]()
        self.done[kind] += is_done  # Not in one line: others count while this one waits.

    async def _ask(self, asked: str, request: bytes, *good: int) -> Answer | None:
        answer = await self.lines.ask(request)
        self.tally.note(asked, answer)
        if answer.status in good:
            return answer
        if answer.status not in {LOST, 503}:
            self.tally.wrong(f"{asked}: {answer.status} {answer.body[:200]!r}")
        return None

    async def _login(self) -> bool:
        fields = {
            "username": f"many{self._chance.randint(1, PEOPLE)}",
            "password": PASSWORD,
            "client_id": APP,
            "scope": f"openid {SCOPE}",
        }
        return self._keep(APP, await self._ask("POST /login", _json("/login", fields), 200))

    async def _wrong(self) -> bool:
        fields = {"username": f"nobody-{uuid4().hex}", "password": PASSWORD, "client_id": APP}
        return await self._ask("POST /login", _json("/login", fields), 401) is not None

    async def _service(self) -> bool:
        fields = {"grant_type": "client_credentials", "scope": SCOPE}
        return await self._ask("POST /token", form("/token", **proof(self.site, SERVICE), **fields), 200) is not None

    async def _code(self) -> bool:
        head = (
            f"GET /authorize?{authorization_query()} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.site.cookies}\r\n\r\n"
        )
        sent = await self._ask("GET /authorize", head.encode(), 302, 303)
        code = None if sent is None else code_of(sent)
        if code is None:
            return False
        request = form("/token", **proof(self.site, WEB), **code_fields(code))
        return self._keep(WEB, await self._ask("POST /token", request, 200))

    async def _refresh(self) -> bool:
        client, token = self._families.popleft()
        request = form("/token", **proof(self.site, client), grant_type="refresh_token", refresh_token=token)
        answer = await self._ask("POST /token", request, 200)
        if answer is None:
            # It may have been done: asked again, the same successor comes back.
            answer = await self._ask("POST /token", request, 200)
        return self._keep(client, answer)

    async def _revoke(self) -> bool:
        client, token = self._families.popleft()
        return (
            await self._ask("POST /revoke", form("/revoke", **proof(self.site, client), token=token), 200) is not None
        )

    async def _logout(self) -> bool:
        client, token = next((each for each in self._families if each[0] == APP), ("", ""))
        if not client:
            return False
        self._families.remove((client, token))
        request = form("/logout", **proof(self.site, client), refresh_token=token)
        return await self._ask("POST /logout", request, 200, 204) is not None

    def _keep(self, client: str, answer: Answer | None) -> bool:
        if answer is None:
            return False
        if "refresh_token" in answer.json:
            self._families.append((client, str(answer.json["refresh_token"])))
            if len(self._families) > MOST_FAMILIES:
                self._families.popleft()
        return True


def _json(path: str, fields: dict[str, str]) -> bytes:
    return posted(path, json.dumps(fields).encode(), JSON)
