"""Any sequence of steps, by two browsers in three errands: nobody is signed in, no client answered, without proofs.

The model knows only what was proved: a right password with the form that this browser was served, a yes to what was
shown. Everything that the service gives must follow from that (THREATS C: CVE-2026-18963, CVE-2026-49443).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from jose import jwt

from authsvc.crypto import opaque
from authsvc.settings import Passwords, Throttle
from tests.flows.browser import Browser, Page
from tests.flows.relying_party import REDIRECT_URI, add_client, asked, redeem
from tests.flows.world import PASSWORD, World, running_world

OPEN = Throttle(free=100_000, first_delay_seconds=1, longest_delay_seconds=1, window_seconds=60)
NUMBERS = count()
PEOPLE = ("alice", "bob")
# The first of each is the likeliest: something has to come of it, besides refusals.
WHO, WHICH = st.sampled_from([0, 0, 0, 1]), st.sampled_from([0, 0, 0, 1, 2])
HOW = st.sampled_from(["own", "own", "own", "own", "none", "stale"])
PAGES = ("login", "consent", "select-account", "register", "logout")


@pytest.fixture
def patient_world(tmp_path: Path) -> Iterator[World]:
    """No guess is one too many: refusals must come of what is wrong, not of how often."""
    patience = Passwords(failure_seconds=0, per_address=OPEN, per_account=OPEN)
    with running_world(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, passwords=patience) as world:
        yield world


@dataclass(slots=True)
class Errand:
    browser: int
    handle: str
    prompts: frozenset[str]
    is_over: bool = False


@dataclass(slots=True)
class Person:
    """A browser with what was proved in it."""

    browser: Browser
    signed_in: str | None = None
    secret: str | None = None
    signed_in_for: set[str] = field(default_factory=set)


class AnyOrder(RuleBasedStateMachine):
    world: World
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.client = f"rp{next(NUMBERS)}"
        add_client(self.world, self.client, first_party=False)
        self.people = [Person(Browser(self.world)) for _ in range(2)]
        self.errands: list[Errand] = []
        self.agreed: set[str] = set()
        self.tokens: list[tuple[str, str, str]] = [("", "", "0" * 64)]
        """CSRF tokens that were served: of which page, for which errand."""

    @rule(who=WHO, prompts=st.sets(st.sampled_from(["login", "consent", "select_account", "create"]), max_size=1))
    def begin(self, who: int, prompts: set[str]) -> None:
        wanted = {"prompt": " ".join(sorted(prompts))} if prompts else {}
        answer = self.people[who].browser.get(f"/authorize?{urlencode(asked(self.client, **wanted))}")
        if self.is_answer(answer):
            self.check_answer(answer, who, None)
            return
        handle = parse_qs(urlsplit(answer.headers["location"]).query)["flow"][0]
        self.errands = [*self.errands[-2:], Errand(who, handle, frozenset(prompts))]

    @precondition(lambda self: self.errands)
    @rule(
        who=WHO, which=WHICH, name=st.sampled_from(PEOPLE),
        password=st.sampled_from([PASSWORD, PASSWORD, "wrong", ""]),
        form=HOW,
    )  # fmt: skip
    def sign_in(self, who: int, which: int, name: str, password: str, form: str) -> None:
        person, errand = self.people[who], self.errands[-1 - which % len(self.errands)]
        fields = self.form("login", person, errand, form) | {"username": name, "password": password}
        answer = person.browser.send("/ui/login", fields)
        secret = person.browser.cookie(opaque.SESSION)
        if secret == person.secret:
            return
        # Somebody was signed in: by all the proofs, or not at all.
        assert (password, form, errand.browser, errand.is_over) == (PASSWORD, "own", who, False), answer.text
        if person.signed_in != name:
            person.signed_in_for.clear()
        person.signed_in, person.secret = name, secret
        person.signed_in_for.add(errand.handle)
        self.seen["signed in"] += 1

    @precondition(lambda self: self.errands)
    @rule(
        who=WHO, which=WHICH, decision=st.sampled_from(["allow", "allow", "allow", "deny", ""]),
        form=HOW,
    )  # fmt: skip
    def decide(self, who: int, which: int, decision: str, form: str) -> None:
        person, errand = self.people[who], self.errands[-1 - which % len(self.errands)]
        fields = self.form("consent", person, errand, form) | {"decision": decision}
        person.browser.send("/ui/consent", fields)
        self.note_consents(person, who, errand, (form, decision))
        self.go_on(who, which)

    def note_consents(self, person: Person, who: int, errand: Errand, sent: tuple[str, str]) -> None:
        given = {name for name in PEOPLE if self.has_agreed(name)}
        if new := given - self.agreed:
            assert (*sent, errand.browser, errand.is_over) == ("own", "allow", who, False)
            assert new == {person.signed_in}
            self.agreed |= new
            self.seen["agreed"] += 1

    @precondition(lambda self: self.errands)
    @rule(who=WHO, which=WHICH, form=HOW)
    def select(self, who: int, which: int, form: str) -> None:
        person, errand = self.people[who], self.errands[-1 - which % len(self.errands)]
        person.browser.send("/ui/select-account", self.form("select-account", person, errand, form))
        self.go_on(who, which)

    @precondition(lambda self: self.errands)
    @rule(who=WHO, which=WHICH, page=st.sampled_from(PAGES), empty=st.booleans())
    def post_nothing(self, who: int, which: int, page: str, empty: bool) -> None:
        errand = self.errands[-1 - which % len(self.errands)]
        answer = self.people[who].browser.send(f"/ui/{page}", {} if empty else {"flow": errand.handle})
        assert answer.status_code < 500
        self.go_on(who, which)

    def go_on(self, who: int, which: int) -> None:
        """Come back to where it is decided what is next; an answer must follow from what was proved."""
        errand = self.errands[-1 - which % len(self.errands)]
        answer = self.people[who].browser.get(f"/ui/continue?flow={errand.handle}")
        if self.is_answer(answer):
            assert errand.browser == who, "an errand is its browser's"
            assert not errand.is_over, "an answer is given once"
            errand.is_over = True
            self.check_answer(answer, who, errand)

    @rule(who=st.sampled_from([1, 0]))
    def sign_out(self, who: int) -> None:
        person = self.people[who]
        if person.signed_in is not None:
            person.browser.submit("/ui/logout")
            assert person.browser.cookie(opaque.SESSION) is None
            # Both cookies are gone, and with the browser's own all that it had begun.
            for errand in self.errands:
                errand.is_over = errand.is_over or errand.browser == who
            self.people[who] = Person(person.browser)
            self.seen["signed out"] += 1

    @invariant()
    def only_the_proved_are_signed_in(self) -> None:
        for person in self.people:
            assert person.browser.cookie(opaque.SESSION) == person.secret

    def form(self, page: str, person: Person, errand: Errand, kind: str) -> dict[str, str]:
        """What the page's form carries in this browser; `stale` and `none` are tokens of elsewhere and no token."""
        answer = person.browser.get(f"/ui/{page}?flow={errand.handle}")
        fields = {"flow": errand.handle}
        token = Page(answer.text).forms[0].fields.get("csrf") if answer.status_code == 200 else None
        if kind == "own" and token is not None:
            fields["csrf"] = token
        if kind == "stale":
            fields["csrf"] = next(
                told for of, handle, told in reversed(self.tokens) if (of, handle) != (page, errand.handle)
            )
        if token is not None:
            self.tokens.append((page, errand.handle, token))
        return fields

    def is_answer(self, answer: httpx.Response) -> bool:
        return str(answer.headers.get("location", "")).startswith(f"{REDIRECT_URI}?")

    def check_answer(self, answer: httpx.Response, who: int, errand: Errand | None) -> None:
        told = parse_qs(urlsplit(answer.headers["location"]).query)
        if "code" not in told:
            assert told["error"] == ["access_denied"]
            assert errand is not None, "nobody was asked"
            self.seen["denied"] += 1
            return
        person = self.people[who]
        assert person.signed_in in self.agreed
        if errand is not None and "login" in errand.prompts:
            assert errand.handle in person.signed_in_for
        self.seen["answered"] += 1
        tokens = redeem(self.world, told["code"][0], self.client).json()
        about: dict[str, Any] = jwt.get_unverified_claims(tokens["id_token"])
        assert about["sub"] == str(self.world.user(str(person.signed_in)).id)

    def has_agreed(self, name: str) -> bool:
        uow = self.world.storage.unit_of_work(self.world.tenant.id)
        try:
            return uow.consents.get(self.world.user(name).id, self.client) is not None
        finally:
            uow.close()


@pytest.mark.parametrize(
    ("examples", "steps"), [pytest.param(12, 25, id="few"), pytest.param(250, 40, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(600)
def test_nothing_is_given_without_its_proofs(patient_world: World, examples: int, steps: int):
    with ExitStack() as stack:
        AnyOrder.world, AnyOrder.seen = patient_world, Counter()
        stack.callback(lambda: delattr(AnyOrder, "world"))
        run_state_machine_as_test(
            AnyOrder,
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=examples < 100,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    assert AnyOrder.seen.keys() >= {"signed in", "agreed", "answered"}, "it got that far"
