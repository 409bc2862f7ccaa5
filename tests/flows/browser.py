"""A browser without scripts: it keeps cookies, follows no redirect by itself, fills in the forms it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx

from authsvc.crypto import opaque
from authsvc.domain.sign_in.continuations import AUTHORIZE, Continuation
from authsvc.web.cookies import cookie_name
from tests.flows.world import FORM, ISSUER, PASSWORD, World

SAME_ORIGIN = {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin"}


class Page(HTMLParser):
    """What a page holds: its forms with their fields, its links, its elements and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self._is_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._is_style = tag == "style"
        if tag == "form":
            self.forms.append(Form(found.get("action") or "", found.get("method") or "get"))
        elif tag in {"input", "button", "select", "textarea"} and found.get("name") and self.forms:
            is_chosen = found.get("type") not in {"checkbox", "radio"} or "checked" in found
            if tag != "button" and is_chosen:
                self.forms[-1].fields[str(found["name"])] = found.get("value") or ""
            if tag == "button":
                self.forms[-1].buttons.append((str(found["name"]), found.get("value") or ""))
        elif tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self.text += data


@dataclass(slots=True)
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Browser:
    """One person's browser on this world."""

    world: World
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(transport=self.world.transport, base_url=ISSUER)

    def get(self, url: str, **headers: str) -> httpx.Response:
        return self.http.get(url, headers=headers)

    def page(self, url: str, **headers: str) -> Page:
        answer = self.get(url, **headers)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def send(self, url: str, fields: Mapping[str, Any], headers: Mapping[str, str] = SAME_ORIGIN) -> httpx.Response:
        return self.http.post(url, content=urlencode(fields, doseq=True), headers={"Content-Type": FORM, **headers})

    def submit(self, url: str, *, form: int = 0, **fields: str) -> httpx.Response:
        """Open a page, fill in its form and send it; a field that is None is left out."""
        found = self.page(url).forms[form]
        return self.send(urljoin(ISSUER + url, found.action), found.fields | fields)

    def cookie(self, kind: str) -> str | None:
        """The secret that this browser holds, of kind opaque.SESSION or opaque.BROWSER."""
        return next((c.value for c in self.http.cookies.jar if c.name == cookie_name(self.world.tenant, kind)), None)

    def plant(self, kind: str, secret: str) -> None:
        self.http.cookies.set(cookie_name(self.world.tenant, kind), secret, domain="localhost.local", path="/")

    def begin(self, client: str = "app", **changed: Any) -> str:
        """Begin an errand of this browser, past /authorize; returns its handle."""
        if self.cookie(opaque.BROWSER) is None:
            self.plant(opaque.BROWSER, opaque.new_secret(opaque.BROWSER))
        handle, now = opaque.new_secret(opaque.CONTINUATION), self.world.clock()
        browser_hash = opaque.hash_secret(str(self.cookie(opaque.BROWSER)))
        parameters = {name: (value,) for name, value in changed.pop("parameters", {}).items()}
        errand = Continuation(
            opaque.hash_secret(handle), browser_hash, AUTHORIZE, client, parameters, now, now + timedelta(minutes=10)
        )
        with self.world.change() as uow:
            uow.continuations.add(replace(errand, **changed))
        return handle

    def sign_in(self, handle: str, username: str = "alice", password: str = PASSWORD) -> httpx.Response:
        return self.submit(f"/ui/login?flow={handle}", username=username, password=password)


def errand(world: World, handle: str) -> Continuation:
    """What is stored of an errand."""
    uow = world.storage.unit_of_work(world.tenant.id)
    try:
        found = uow.continuations.find(opaque.hash_secret(handle))
    finally:
        uow.close()
    assert found is not None
    return found
