"""People and clients who never stop: each acknowledged answer goes into the ledger."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from bench.faults.browsing import Browser, authorization_query, code_of
from bench.faults.caller import Answer, Caller, Tally
from bench.faults.ledger import Ledger, code_fields, proof
from bench.faults.site import APP, PASSWORD, RETRY_SECONDS, SCOPE, SERVICE, THIRDS, WEB, Site

PAUSE_SECONDS = 0.05
GIVE_UP_SECONDS = 60.0


@dataclass(slots=True)
class Crowd:
    """Threads around one or more ports; `ended` stops them, each after its present errand."""

    site: Site
    ports: tuple[int, ...]
    seed: int
    ledger: Ledger = field(default_factory=Ledger)
    tally: Tally = field(default_factory=Tally)
    ended: threading.Event = field(default_factory=threading.Event)
    caller: Callable[[int, Tally], Caller] = Caller
    number: int = field(default_factory=itertools.count().__next__)
    """For names that no other crowd has taken."""

    @contextmanager
    def working(
        self, registering: int = 1, signing_in: int = 5, redeeming: int = 3, consenting: int = 0
    ) -> Iterator["Crowd"]:
        """So many of each kind, until the block ends. Of those who consent one crowd at most is at work on a site."""
        errands = [Registering] * registering + [SigningIn] * signing_in + [Redeeming] * redeeming
        errands += [Consenting] * min(consenting, len(THIRDS))
        threads = [
            threading.Thread(target=errand(self, number).work, daemon=True) for number, errand in enumerate(errands)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            for thread in threads:
                thread.join(GIVE_UP_SECONDS)

    def await_some_of_each(self) -> None:
        """Until something was acknowledged of each kind that the ledger asks about in the end; on slow machines."""
        ledger, deadline = self.ledger, time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            written, used = ledger.users or ledger.families, ledger.codes or ledger.superseded
            if written and used and ledger.revoked:
                return
            time.sleep(PAUSE_SECONDS)


class _Errand:
    """One thread with one connection and chances of its own."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.number = number
        self.chance = random.Random(f"{crowd.seed} {number}")  # noqa: S311 - no secret
        self.caller = crowd.caller(crowd.ports[number % len(crowd.ports)], crowd.tally)
        self.round = 0

    def work(self) -> None:
        """Again and again."""
        while not self.crowd.ended.is_set():
            self.round += 1
            self.once()
            time.sleep(self.chance.random() * PAUSE_SECONDS)
        self.caller.close()

    def once(self) -> None:
        """One errand."""
        raise NotImplementedError

    def until_sure(self, ask: Callable[[], Answer]) -> tuple[Answer, bool]:
        """Ask until there is an answer; also whether an earlier try was lost, so that it may have been done."""
        deadline, was_lost = time.monotonic() + GIVE_UP_SECONDS, False
        while True:
            answer = ask()
            if not answer.is_unsure or time.monotonic() > deadline:
                return answer, was_lost
            was_lost = True
            time.sleep(PAUSE_SECONDS)

    def token(self, client: str, **fields: str) -> Answer:
        """POST /token as the client."""
        return self.caller.form("/token", **proof(self.crowd.site, client), **fields)

    def rotate_a_while(self, client: str, token: str, access_token: str) -> None:
        """Rotate a family some times; then leave it, or revoke it, or only the access token."""
        ledger, current = self.crowd.ledger, token
        for _ in range(self.chance.randint(1, 8)):
            began = time.monotonic()
            refresh = partial(self.token, client, grant_type="refresh_token", refresh_token=current)
            answer, was_lost = self.until_sure(refresh)
            if answer.status != 200:  # noqa: PLR2004
                # A retry that came too late ends the family, as it must.
                if not answer.is_unsure and not (was_lost and time.monotonic() - began > RETRY_SECONDS):
                    self.crowd.tally.wrong(f"a current refresh token was refused: {answer.status} {answer.body!r}")
                return
            successor, access_token = answer.json["refresh_token"], answer.json["access_token"]
            with ledger.lock:
                ledger.rotations += 1
            current = successor
        self.leave(client, token, current, access_token)

    def leave(self, client: str, first: str, current: str, access_token: str) -> None:
        """Write down how the family was left."""
        ledger, end = self.crowd.ledger, self.chance.random()
        if end < 0.4:  # noqa: PLR2004
            with ledger.lock:
                ledger.families.append((client, current))
            return
        if end < 0.5:  # noqa: PLR2004
            with ledger.lock:
                ledger.superseded.append((client, first, time.monotonic()))
            return
        revoked = current if end < 0.75 or client == APP else access_token  # noqa: PLR2004
        answer, _ = self.until_sure(
            lambda: self.caller.form("/revoke", token=revoked, **proof(self.crowd.site, client))
        )
        if answer.status == 200:  # noqa: PLR2004
            with ledger.lock:
                ledger.revoked.append((client, revoked))


class Registering(_Errand):
    """People who sign up."""

    def once(self) -> None:
        """One of them."""
        name = f"p{self.crowd.number}x{self.number}x{self.round}"
        answer, was_lost = self.until_sure(lambda: self.caller.json("/register", username=name, password=PASSWORD))
        was_made_before = was_lost and answer.status in {409, 422}
        if answer.status != 201 and not was_made_before:  # noqa: PLR2004
            if not answer.is_unsure:
                self.crowd.tally.wrong(f"a registration was refused: {answer.status} {answer.body!r}")
            return
        with self.crowd.ledger.lock:
            self.crowd.ledger.users.append(name)
        time.sleep(4 * PAUSE_SECONDS)


class SigningIn(_Errand):
    """People in the app."""

    def once(self) -> None:
        """A login and what follows."""
        site = self.crowd.site
        answer, _ = self.until_sure(
            lambda: self.caller.json(
                "/login", username=site.person(self.number), password=PASSWORD, client_id=APP, scope=f"openid {SCOPE}"
            )
        )
        if answer.status != 200:  # noqa: PLR2004
            if not answer.is_unsure:
                self.crowd.tally.wrong(f"a login was refused: {answer.status} {answer.body!r}")
            return
        self.rotate_a_while(APP, answer.json["refresh_token"], answer.json["access_token"])


class Redeeming(_Errand):
    """A browser with a session, and the web application that it comes back to."""

    def once(self) -> None:
        """A code and what follows. A lost redemption is not tried again: that would be a replay."""
        site = self.crowd.site
        sent, _ = self.until_sure(lambda: self.caller.get(f"/authorize?{authorization_query()}", Cookie=site.cookies))
        code = code_of(sent)
        if code is None:
            if not sent.is_unsure:
                self.crowd.tally.wrong(f"a browser with a session got no code: {sent.status} {sent.headers}")
            return
        answer = self.token(WEB, **code_fields(code))
        if answer.status == 200:  # noqa: PLR2004
            with self.crowd.ledger.lock:
                self.crowd.ledger.codes.append(code)
            if "refresh_token" in answer.json and self.chance.random() < 0.5:  # noqa: PLR2004
                self.rotate_a_while(WEB, answer.json["refresh_token"], answer.json["access_token"])
        elif not answer.is_unsure:
            self.crowd.tally.wrong(f"a fresh code was refused: {answer.status} {answer.body!r}")


class Consenting(_Errand):
    """A person who allows clients of others what they ask for, and takes it back; each client has one such thread."""

    def once(self) -> None:
        """What was acknowledged of one client is looked at, then changed."""
        client = THIRDS[self.number % len(THIRDS)]
        browser, ledger = Browser(self.caller, self.crowd.site), self.crowd.ledger
        sent, _ = self.until_sure(lambda: browser.come_from(client))
        if sent.is_unsure:
            return
        is_given = code_of(sent) is not None
        ledger.note_consent(client, is_given=is_given)
        change = browser.withdraw if is_given else browser.consent
        answer, was_lost = self.until_sure(lambda: change(client))
        if answer.status == 303:  # noqa: PLR2004
            ledger.consents[client] = not is_given
        elif answer.is_unsure or was_lost:
            ledger.consents.pop(client, None)
        else:
            self.crowd.tally.wrong(f"a consent was not taken: {answer.status} {answer.body[:200]!r}")


def service_token(caller: Caller, site: Site) -> Answer:
    """A token of client_credentials."""
    fields = {"grant_type": "client_credentials", "scope": SCOPE}
    return caller.form("/token", **proof(site, SERVICE), **fields)
