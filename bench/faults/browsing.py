"""What a browser with a session does: it comes from a client, consents, and withdraws on the account page."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.faults.caller import Answer, Caller
from bench.faults.site import AUDIENCE, REDIRECT_URI, SCOPE, WEB, Site

VERIFIER = "a-verifier-of-at-least-forty-three-characters"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
APPS = "/ui/account/apps"
OK, SEE_OTHER = 200, 303
_CSRF = re.compile(rb'name="csrf" value="([0-9a-f]+)"')


def authorization_query(client: str = WEB) -> str:
    """What a browser with a session comes with."""
    return urlencode(
        {
            "client_id": client, "response_type": "code", "redirect_uri": REDIRECT_URI, "state": "st",
            "scope": f"openid {SCOPE}", "resource": AUDIENCE, "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
    )  # fmt: skip


def code_of(answer: Answer) -> str | None:
    """The code in a redirect."""
    return parse_qs(urlsplit(answer.headers.get("location", "")).query).get("code", [None])[0]


class Browser:
    """The browser of the site's person, on one connection."""

    def __init__(self, caller: Caller, site: Site) -> None:
        self._caller = caller
        self._cookies = site.cookies

    def come_from(self, client: str) -> Answer:
        """Ask for a code: it comes at once if the person has consented, else one is sent to the question."""
        return self._caller.get(f"/authorize?{authorization_query(client)}", Cookie=self._cookies)

    def consent(self, client: str) -> Answer:
        """Say yes to the client. 303 acknowledges it."""
        sent = self.come_from(client)
        if code_of(sent) or sent.status != SEE_OTHER:
            return sent
        handle = parse_qs(urlsplit(sent.headers["location"]).query).get("flow", [""])[0]
        return self._submit(f"/ui/consent?{urlencode({'flow': handle})}", "/ui/consent", flow=handle, decision="allow")

    def withdraw(self, client: str) -> Answer:
        """Take it back. 303 acknowledges it."""
        return self._submit(APPS, APPS, withdraw=client)

    def _submit(self, page: str, target: str, **fields: str) -> Answer:
        """Open the page, then send its form; whatever came instead of the page is the answer."""
        shown = self._caller.get(page, Cookie=self._cookies)
        found = _CSRF.search(shown.body)
        if shown.status != OK or found is None:
            return shown
        return self._caller.form(target, self._cookies, csrf=found[1].decode(), **fields)
