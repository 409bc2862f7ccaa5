"""The whole space of requests, people and errands: what each step must be, said once more and otherwise."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.sign_in.consents import Consent
from authsvc.domain.sign_in.sessions import Visitor
from authsvc.errors import AuthsvcError
from authsvc.protocol.acr import ACR_VALUES
from authsvc.protocol.authorize.next_step import NOTHING_DONE, Errand, Present, Step, next_step
from authsvc.protocol.authorize.request import AuthorizationRequest
from authsvc.protocol.errors import AccessDenied, ConsentRequired, LoginRequired, UnmetAuthenticationRequirements
from tests.flows.world import a_client
from tests.storage.examples import NOW, a_browser_session, a_user
from tests.web.calls import a_tenant

USER = a_user()
AGE = 100
LATER = NOW + timedelta(seconds=AGE)
"""The sign-in was at NOW."""
OFFERED = ("login", "consent", "select_account", "create")
PROMPTS = [frozenset({"none"})] + [frozenset(some) for n in range(5) for some in itertools.combinations(OFFERED, n)]
DONE = [frozenset(some) for n in range(3) for some in itertools.combinations(OFFERED, n)]
MAX_AGES = (None, 0, AGE, AGE - 1)
RIGHT, WRONG = (frozenset({"me"}),), (frozenset({"me", "you"}), frozenset({"you"}))
PEOPLE = ("nobody", "here", "idle", "disabled", "weak")
TRUST = ("first party", "skips", "agreed", "agreed to less", "asked never")
ACRS: dict[str, dict[str, Any]] = {
    "none": {},
    "a wish": {"id_token": {"acr": {"values": ["urn:elsewhere"]}}},
    "reachable": {"id_token": {"acr": {"essential": True, "values": ["urn:elsewhere", ACR_VALUES[-1]]}}},
    "unreachable": {"id_token": {"acr": {"essential": True, "values": ["urn:elsewhere"]}}},
}


@dataclass(frozen=True, slots=True)
class Case:
    person: str
    trust: str
    prompts: frozenset[str]
    max_age: int | None
    subjects: tuple[frozenset[str], ...]
    acr: str
    done: frozenset[str]
    is_its_session: bool

    @property
    def request(self) -> AuthorizationRequest:
        party = RelyingParty(redirect_uris=("https://rp.example/cb",), skips_consent=self.trust == "skips")
        client = a_client("rp", NOW, first_party=self.trust == "first party", relying_party=party)
        return AuthorizationRequest(
            a_tenant(), client, {}, {}, scopes=frozenset({"openid", "email"}), prompts=self.prompts,
            max_age_seconds=self.max_age, subjects=self.subjects, claims=ACRS[self.acr],
        )  # fmt: skip

    @property
    def present(self) -> Present | None:
        if self.person == "nobody":
            return None
        browser, user = BROWSER, USER
        if self.person == "idle":
            browser = replace(browser, idle_expires_at=LATER)
        if self.person == "disabled":
            user = replace(user, disabled_at=NOW)
        if self.person == "weak":
            browser = replace(browser, session=replace(browser.session, amr=("sms",)))
        scopes = {"agreed": frozenset({"openid", "email", "phone"}), "agreed to less": frozenset({"openid"})}
        nothing = frozenset[str]()
        given = scopes.get(self.trust)
        consent = None if given is None else Consent(USER.id, "rp", given, nothing, nothing, NOW, NOW)
        return Present(Visitor(browser, user), "me", consent)

    @property
    def errand(self) -> Errand:
        return Errand(self.done, BROWSER.session.id if self.is_its_session else None)

    @property
    def counted(self) -> frozenset[str]:
        """What was done in this sign-in."""
        return self.done if self.is_its_session and self.person in ("here", "weak") else frozenset()


BROWSER = replace(a_browser_session(USER), idle_expires_at=LATER + timedelta(hours=1), seen_at=NOW)
BROWSER = replace(BROWSER, session=replace(BROWSER.session, authenticated_at=NOW, amr=("pwd",),
                                           expires_at=LATER + timedelta(hours=1), ended_at=None))  # fmt: skip


def cases() -> Iterator[Case]:
    own = itertools.product(PEOPLE, TRUST, PROMPTS, MAX_AGES, ((), RIGHT, WRONG), ACRS)
    for person, trust, prompts, max_age, subjects, acr in own:
        case = Case(person, trust, prompts, max_age, subjects, acr, frozenset(), is_its_session=True)
        yield case
        # What is done matters to who is here alone; of the rest a part will do.
        if person == "here" and trust in ("first party", "agreed", "asked never"):
            yield from (replace(case, done=done, is_its_session=its) for done in DONE[1:] for its in (True, False))


def outcome(case: Case, *, denied: bool = False) -> Step | type[AuthsvcError]:
    try:
        return next_step(case.request, case.present, replace(case.errand, denied=denied), LATER)
    except AuthsvcError as error:
        return type(error)


def wanting(case: Case) -> set[str]:
    """All that stands between this case and its answer, by what it is."""
    done, lacking = case.counted, set[str]()
    signed_in = bool(done & {"login", "create"})
    if case.person not in ("here", "weak"):
        return {"person"}
    if "login" in case.prompts and not signed_in:
        lacking.add("fresh")
    if case.max_age in (0, AGE - 1) and not signed_in:
        lacking.add("fresh")
    if "create" in case.prompts and not signed_in:
        lacking.add("create")
    if "select_account" in case.prompts and not signed_in and "select_account" not in done:
        lacking.add("choice")
    if case.subjects == WRONG:
        lacking.add("other person")
    if case.acr == "unreachable" or (case.acr == "reachable" and case.person == "weak"):
        lacking.add("acr")
    has_agreed = case.trust in ("first party", "skips", "agreed")
    if ("consent" in case.prompts and "consent" not in done) or not has_agreed:
        lacking.add("consent")
    return lacking


def test_an_answer_is_given_when_nothing_is_wanting_and_only_then():
    seen = dict.fromkeys([*Step, LoginRequired, ConsentRequired, UnmetAuthenticationRequirements], 0)
    for case in cases():
        found, lacking = outcome(case), wanting(case)
        seen[found] += 1
        assert (found is Step.ANSWER) == (not lacking), (case, found)
        if "none" in case.prompts:
            assert found not in set(Step) - {Step.ANSWER}, (case, found)
        if found is Step.CONSENT:
            assert lacking == {"consent"}, case
        if found is Step.SELECT_ACCOUNT:
            assert "choice" in lacking, case
        if found is Step.CREATE:
            assert "create" in case.prompts, case
        if found is Step.LOGIN:
            assert lacking & {"person", "fresh", "other person", "acr"}, case
        if found is ConsentRequired:
            assert lacking == {"consent"}, case
            assert case.prompts == {"none"}
        if found is LoginRequired:
            assert lacking & {"person", "fresh", "other person", "acr"}, case
        if found is UnmetAuthenticationRequirements:
            assert case.acr in ("reachable", "unreachable"), case
    assert all(seen.values()), seen
    assert sum(seen.values()) > 50_000


def test_what_no_sign_in_can_reach_is_refused_before_anybody_is_asked():
    assert {outcome(case) for case in cases() if case.acr == "unreachable"} == {UnmetAuthenticationRequirements}


def test_no_is_no_whatever_else_there_is():
    assert {outcome(case, denied=True) for case in itertools.islice(cases(), 0, None, 17)} == {AccessDenied}


@pytest.mark.parametrize("prompts", PROMPTS, ids=lambda some: " ".join(sorted(some)) or "no prompt")
def test_every_errand_of_a_willing_person_ends(prompts: frozenset[str]):
    """Each page does its one thing; none is shown twice."""
    starts = [case for case in cases() if case.prompts == prompts and case.person in ("nobody", "here")]
    for start in itertools.islice(starts, 0, None, 3):
        case, shown = start, list[Step]()
        while (found := outcome(case)) in set(Step) - {Step.ANSWER}:
            assert isinstance(found, Step)
            shown.append(found)
            assert len(set(shown)) == len(shown), (start, shown)
            if found in (Step.LOGIN, Step.CREATE):
                # A sign-in forgets what was done before it, and is of the person who is asked for, if that is them.
                case = replace(case, person="here", done=frozenset({found.value}), is_its_session=True)
            elif found is Step.CONSENT:
                done = case.counted | {"consent"}
                trust = case.trust if case.trust in ("first party", "skips") else "agreed"
                case = replace(case, trust=trust, done=done, is_its_session=True)
            else:
                case = replace(case, done=case.counted | {"select_account"}, is_its_session=True)


def test_what_another_person_has_answered_counts_for_nothing():
    """Somebody else signed in, in another window: their sign-in answers no prompt of this errand."""
    case = Case("here", "agreed", frozenset({"login", "consent"}), None, (), "none", frozenset({"login", "consent"}),
                is_its_session=True)  # fmt: skip
    assert outcome(case) is Step.ANSWER
    assert outcome(replace(case, is_its_session=False)) is Step.LOGIN
    assert next_step(case.request, case.present, NOTHING_DONE, LATER) is Step.LOGIN
