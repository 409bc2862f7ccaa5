import re
import shlex
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import httpx
import pytest

from tests.flows.administrators import Admins
from tests.flows.registering import an_initial_token, let
from tests.flows.world import ISSUER, PASSWORD, World, running_world

TEXT, GROUND = ("--text", "--quiet", "--link", "--good", "--bad"), ("--ground", "--raised")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("docs")
    with running_world(f"sqlite:///{directory}/authsvc.db", directory) as running:
        let(running)
        yield running


@pytest.fixture(scope="module")
def answer(world: World) -> httpx.Response:
    return world.http.get("/docs")


class Page(HTMLParser):
    """The elements of a page, in order, and what its <style> holds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.style = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "style" and not self.style:
            self.style = data

    def all(self, attribute: str) -> list[str]:
        return [str(found[attribute]) for _, found in self.elements if attribute in found]


@pytest.fixture(scope="module")
def page(answer: httpx.Response) -> Page:
    return Page(answer.text)


def test_the_policy_allows_the_one_stylesheet_of_the_page_and_nothing_else(answer: httpx.Response, page: Page) -> None:
    digest = b64encode(sha256(page.style.encode()).digest()).decode()
    assert answer.headers.get_list("content-security-policy") == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_page_runs_nothing_and_loads_nothing(page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg"}
    assert not [name for _, found in page.elements for name in found if name == "style" or name.startswith("on")]
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_every_link_of_the_page_leads_somewhere(world: World, page: Page) -> None:
    targets = page.all("id")
    assert len(targets) == len(set(targets))
    for link in page.all("href"):
        if link.startswith("#"):
            assert link[1:] in targets
        else:
            assert world.http.get(f"/{link}").status_code == 200
    assert set(page.all("aria-labelledby")) <= set(targets)


def test_the_page_shows_every_operation_and_every_error_code(world: World, answer: httpx.Response, page: Page) -> None:
    document = world.http.get("/openapi.json").json()
    operations = [found for methods in document["paths"].values() for found in methods.values()]
    assert {found["operationId"] for found in operations} <= set(page.all("id"))
    codes = set(re.findall(r"'error': '(\w+)'", str(document)))
    assert len(codes) > 10
    assert codes <= set(re.findall(r"<code>(\w+)</code>", answer.text))


def test_the_page_can_be_read_by_keyboard_and_by_ear(page: Page) -> None:
    tags = [tag for tag, _ in page.elements]
    assert ("html", {"lang": "en"}) in page.elements
    assert tags.count("h1") == tags.count("main") == tags.count("nav") == tags.count("title") == 1
    assert next(found["href"] for tag, found in page.elements if tag == "a") == "#main"
    assert all(found.get("tabindex") == "0" for tag, found in page.elements if tag == "pre")
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_stands_out_from_its_ground(page: Page, theme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", page.style, re.DOTALL)[theme]
    colours = dict(re.findall(r"(--\w+): (#[0-9a-f]{6})", block))
    for text in TEXT:
        for ground in GROUND:
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def test_the_examples_name_the_tenants_own_issuer(world: World) -> None:
    text = world.http.get("/t/other/docs").text
    assert f"curl {ISSUER}/t/other/login" in text
    assert f"curl {ISSUER}/login" not in text


def test_the_examples_work_as_they_stand(world: World) -> None:
    document = world.http.get("/openapi.json").json()
    samples = {
        sample["label"]: sample["source"]
        for methods in document["paths"].values()
        for found in methods.values()
        for sample in found.get("x-codeSamples", ())
    }
    assert len(samples) == 11
    tokens = _run(world, samples["Sign a person in"], {}).json()
    refreshed = _run(world, samples["Refresh a person's tokens"], {"REFRESH_TOKEN": tokens["refresh_token"]}).json()
    assert _run(world, samples["Sign out"], {"REFRESH_TOKEN": refreshed["refresh_token"]}).status_code == 204
    secret = {"CLIENT_ID": "svc2", "CLIENT_SECRET": world.secrets["svc2"]}
    machine = _run(world, samples["Get a token for a service"], secret).json()
    assert machine["token_type"] == "Bearer"
    asked = secret | {"ACCESS_TOKEN": machine["access_token"]}
    assert _run(world, samples["Ask about a token"], asked).json()["active"]
    assert _run(world, samples["Make a key for a service"], secret).status_code == 201
    again = _run(world, samples["Sign a person in"], {}).json()["refresh_token"]
    assert _run(world, samples["End a refresh token"], {"REFRESH_TOKEN": again}).status_code == 200
    assert _run(world, samples["Register a client"], {"INITIAL_TOKEN": an_initial_token(world)}).status_code == 201
    for noun in ("user", "client", "resource"):
        admin = {"ADMIN_TOKEN": Admins(world).token(f"admin:{noun}s:write")}
        assert _run(world, samples[f"Make a {noun}"], admin).status_code == 201


def _run(world: World, command: str, variables: Mapping[str, str]) -> httpx.Response:
    """Do what curl does with the options that the examples use."""
    command, _, document = command.partition(" <<'JSON'\n")
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    url, headers, auth = next(words), {"content-type": "application/x-www-form-urlencoded"}, httpx.Auth()
    fields: dict[str, str] = {}
    for option in words:
        value = re.sub(r"\$(\w+)", lambda found: variables[found[1]], next(words))
        if option == "-H":
            name, _, text = value.partition(": ")
            headers[name.lower()] = text
        elif option == "-u":
            auth = httpx.BasicAuth(*value.partition(":")[::2])
        elif value != "@-":
            name, _, text = value.partition("=")
            fields[name] = text
    body = document.removesuffix("JSON") or str(httpx.QueryParams(fields))
    for placeholder, real in (
        ("my-app", "narrow"),
        ("orders:read", "es256:read"),
        ("correct horse battery staple", PASSWORD),
    ):
        body = body.replace(placeholder, real)
    answer = world.http.post(url, content=body, headers=headers, auth=auth)
    assert answer.is_success, answer.text
    return answer


def _contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, 1.4.3."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
