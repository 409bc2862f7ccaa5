"""What the server has acknowledged, written down outside of it, and the check of all of it afterwards."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.faults.browsing import VERIFIER, Browser, code_of
from bench.faults.caller import Answer, Caller, Tally, sure
from bench.faults.finding import Finding, none_of
from bench.faults.site import APP, PASSWORD, REDIRECT_URI, RETRY_SECONDS, WEB, Site

OK = 200


@dataclass(slots=True)
class Ledger:
    """Each entry was acknowledged by an answer before it was written here."""

    users: list[str] = field(default_factory=list)
    families: list[tuple[str, str]] = field(default_factory=list)
    """Client and current refresh token of each family that was left alive."""
    superseded: list[tuple[str, str, float]] = field(default_factory=list)
    """Client, refresh token, when its successor was used: past that there is no retry."""
    codes: list[str] = field(default_factory=list)
    """Authorization codes that gave tokens."""
    revoked: list[tuple[str, str]] = field(default_factory=list)
    """Client and revoked token of either kind."""
    consents: dict[str, bool] = field(default_factory=dict)
    """By client: whether the person consents, as last acknowledged. Each client has one thread that changes it."""
    looks: Counter[bool] = field(default_factory=Counter)
    """How often a consent (True) or withdrawal (False) was looked at after its acknowledgement."""
    wrong_consents: list[tuple[str, bool]] = field(default_factory=list)
    """Client, and what had been acknowledged and was not so."""
    rotations: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged(self) -> int:
        """How many writes are in it."""
        return len(self.users) + len(self.codes) + len(self.revoked) + self.rotations + self.looks.total()

    def note_consent(self, client: str, *, is_given: bool) -> None:
        """Compare what was last acknowledged of a client, if anything was, with what is so."""
        was_given = self.consents.get(client)
        if was_given is None:
            return
        with self.lock:
            self.looks[was_given] += 1
            if was_given is not is_given:
                self.wrong_consents.append((client, was_given))

    def check(self, port: int, site: Site, say: Callable[[str], None]) -> list[Finding]:
        """Ask the server about every entry. It must be well."""
        checking = _Check(Caller(port, Tally()), site)
        say(
            f"  checking {len(self.users)} users, {len(self.families)} families, {len(self.superseded)} superseded "
            f"tokens, {len(self.codes)} codes, {len(self.revoked)} revocations"
        )
        lost = [f"user {name}" for name in self.users if not checking.signs_in(name)]
        # Before the superseded ones: those end their families.
        lost += [f"family of {client}" for client, token in self.families if not checking.refreshes(client, token)]
        alive = [f"token of {client}" for client, token in self.revoked if checking.lives(client, token)]
        for client in self.consents:
            self.note_consent(client, is_given=checking.has_consent(client))
        again = [f"code {code[:12]}" for code in self.codes if checking.redeems(code)]
        due = max((used for _, _, used in self.superseded), default=0.0) + RETRY_SECONDS + 1.0
        time.sleep(max(0.0, due - time.monotonic()))
        again += [f"refresh token of {client}" for client, token, _ in self.superseded
                  if checking.refreshes(client, token)]  # fmt: skip
        return [
            none_of("acknowledged writes lost (users, current refresh tokens)", len(lost),
                    len(self.users) + len(self.families), lost),
            none_of("acknowledged uses undone (codes, superseded refresh tokens that gave tokens again)", len(again),
                    len(self.codes) + len(self.superseded), again),
            none_of("acknowledged revocations alive", len(alive), len(self.revoked), alive),
            *self._of_consents(),
        ]  # fmt: skip

    def _of_consents(self) -> list[Finding]:
        """Nothing of a crowd in which nobody consented."""
        return [
            none_of(what, sum(given is is_given for _, given in self.wrong_consents), self.looks[is_given],
                    [client for client, given in self.wrong_consents if given is is_given])
            for is_given, what in ((True, "acknowledged consents lost"), (False, "acknowledged withdrawals undone"))
            if self.looks[is_given]
        ]  # fmt: skip


class _Check:
    def __init__(self, caller: Caller, site: Site) -> None:
        self._caller = caller
        self._site = site
        self._browser = Browser(caller, site)

    def has_consent(self, client: str) -> bool:
        return code_of(sure(lambda: self._browser.come_from(client))) is not None

    def signs_in(self, username: str) -> bool:
        fields = {"username": username, "password": PASSWORD, "client_id": APP, "scope": "openid"}
        return sure(lambda: self._caller.json("/login", **fields)).status == OK

    def refreshes(self, client: str, token: str) -> bool:
        return self._token(client, grant_type="refresh_token", refresh_token=token).status == OK

    def redeems(self, code: str) -> bool:
        return self._token(WEB, **code_fields(code)).status == OK

    def lives(self, client: str, token: str) -> bool:
        if token.count(".") != 2:  # noqa: PLR2004 - no JWT, so a refresh token
            return self.refreshes(client, token)
        told = sure(lambda: self._caller.form("/introspect", token=token, **self._proof(client)))
        return told.status != OK or told.json.get("active") is not False

    def _token(self, client: str, **fields: str) -> Answer:
        return sure(lambda: self._caller.form("/token", **self._proof(client), **fields))

    def _proof(self, client: str) -> dict[str, str]:
        return proof(self._site, client)


def proof(site: Site, client: str) -> dict[str, str]:
    """How the client authenticates."""
    fields = {"client_id": client}
    return fields | {"client_secret": site.secrets[client]} if client in site.secrets else fields


def code_fields(code: str) -> dict[str, str]:
    """The fields of a redemption."""
    return {
        "grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, "code": code,
    }  # fmt: skip
