"""A person with a browser on a running server: follows where it is sent, and answers the forms it is shown."""

from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx

from tests.flows.browser import Form, Page
from tests.flows.world import PASSWORD

_MOST_STEPS = 20


@dataclass(slots=True)
class Person:
    """`pages` are the paths of the forms that were answered, in order."""

    address: str
    username: str = "alice"
    password: str = PASSWORD
    pages: list[str] = field(default_factory=list)
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(trust_env=False, timeout=60)

    def open(self, url: str) -> str:
        """Open a page of the server and go on until it sends the browser elsewhere; returns where to."""
        answer = self.http.get(url)
        for _ in range(_MOST_STEPS):
            here = str(answer.url)
            if answer.is_redirect:
                there = urljoin(here, answer.headers["location"])
                if not there.startswith(f"{self.address}/"):
                    return there
                answer = self.http.get(there)
                continue
            assert answer.status_code == 200, answer.text
            answer = self._answer(here, answer.text)
        raise AssertionError("the server sends the browser in circles")

    def _answer(self, here: str, html: str) -> httpx.Response:
        form = next(form for form in Page(html).forms if form.method == "post" and self._is_main(form))
        self.pages.append(httpx.URL(here).path)
        sent = form.fields | dict(form.buttons[:1])
        sent |= {name: value for name, value in self._secrets().items() if name in form.fields}
        return self.http.post(urljoin(here, form.action), data=sent, headers={"Origin": self.address})

    def _is_main(self, form: Form) -> bool:
        return bool(form.buttons) or "password" in form.fields

    def _secrets(self) -> dict[str, str]:
        return {"username": self.username, "password": self.password}
