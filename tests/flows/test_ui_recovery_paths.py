"""No path reaches somebody's password or sign-in without its proof: steps in any order, twice, empty, by two browsers.

CVE-2026-18963, CVE-2026-49443: forms that went on without the mailed secret, or when they were sent empty.
"""

from collections import Counter
from uuid import uuid4

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from authsvc.crypto import opaque
from authsvc.domain.people.users import User
from tests.flows.browser import SAME_ORIGIN, Browser
from tests.flows.mailed import letters, link_in, token_of
from tests.flows.test_ui_login import visitor
from tests.flows.world import PASSWORD, World, hashed

WISHED = "the thief would like this one"
FORMS = (
    "/ui/reset", "/ui/forgot", "/ui/register/confirm", "/ui/me/email/confirm", "/ui/account/password",
    "/ui/account/sign-in", "/ui/account/delete",
)  # fmt: skip
API = ("/password/reset", "/register/confirm", "/me/password", "/me/email/confirm")
FORM = st.sampled_from(FORMS)


class Paths(RuleBasedStateMachine):
    """A thief with an account and two browsers, and an owner who reads their mail now and then."""

    seen: Counter[str]

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.number = world, uuid4().hex[:12]
        self.owner, self.thief = self._add("owner"), self._add("thief")
        self.browsers = [Browser(world), Browser(world)]
        token = world.tokens(username=self.thief.username, scope="account")["access_token"]
        self.bearer = {"Authorization": f"Bearer {token}"}
        self.owners: list[str] = []
        self.thiefs: list[str] = [opaque.new_secret(opaque.MAILED_TOKEN), "", "as_ml_"]
        self.live = ""
        self.hash = self._stored().password_hash

    def _add(self, name: str) -> User:
        username = f"{name}-{self.number}"
        user = User(uuid4(), username, f"{username}@example.com", True, None, hashed(PASSWORD), self.world.clock())
        with self.world.change() as uow:
            uow.users.add(user)
        return user

    def _stored(self) -> User:
        return self.world.user(self.owner.username)

    def _read_mail(self) -> None:
        for letter in letters(self.world):
            if "?token=" not in letter.text:
                continue
            token = token_of(link_in(letter))
            if letter.recipient == self.owner.email:
                self.owners.append(token)
                self.seen["the owner's letter"] += 1
                if letter.subject == "Choose a new password":
                    self.live = token
            else:
                self.thiefs.append(token)
                self.seen["the thief's letter"] += 1

    @rule(who=st.sampled_from(["owner", "thief"]), at=st.integers(0, 1), by_address=st.booleans())
    def ask_for_a_letter(self, who: str, at: int, by_address: bool) -> None:
        user = self.owner if who == "owner" else self.thief
        name = user.email if by_address else user.username
        self.browsers[at].submit("/ui/forgot", username=str(name))
        self._read_mail()

    @rule(at=st.integers(0, 1))
    def sign_in_as_the_thief(self, at: int) -> None:
        browser = self.browsers[at]
        browser.sign_in(browser.begin(), self.thief.username)

    @rule(at=st.integers(0, 1))
    def ask_for_another_address(self, at: int) -> None:
        self._send(self.browsers[at], "/ui/account/sign-in", {
            "username": self.thief.username, "email": f"second-{self.thief.email}", "current_password": PASSWORD,
        })  # fmt: skip
        self._read_mail()

    @rule(at=st.integers(0, 1), form=FORM, which=st.integers(0, 9), empty=st.booleans(), named=st.booleans())
    def send_a_form_with_what_the_thief_has(self, at: int, form: str, which: int, empty: bool, named: bool) -> None:
        fields = (
            {} if empty else {"token": self.thiefs[which % len(self.thiefs)], "new_password": WISHED, "sure": "yes"}
        )
        if named:
            fields |= {"username": self.owner.username, "email": str(self.owner.email), "user_id": str(self.owner.id)}
        self._send(self.browsers[at], form, fields)
        self._read_mail()

    @rule(at=st.integers(0, 1), form=FORM, of=FORM)
    def send_a_form_with_the_token_of_another_form(self, at: int, form: str, of: str) -> None:
        browser = self.browsers[at]
        csrf = self._csrf(browser, of)
        browser.send(form, {"csrf": csrf, "token": self.owners[-1] if self.owners else "", "new_password": WISHED})
        if of == form == "/ui/reset" and self.owners and self.owners[-1] == self.live:
            self._used()

    @rule(path=st.sampled_from(API), which=st.integers(0, 9))
    def call_the_api_with_what_the_thief_has(self, path: str, which: int) -> None:
        posted = {"token": self.thiefs[which % len(self.thiefs)], "new_password": WISHED, "current_password": WISHED}
        if path == "/register/confirm":
            posted = {"token": posted["token"], "password": WISHED}
        self.world.http.post(path, json=posted, headers=self.bearer)

    @rule(at=st.integers(0, 1), which=st.integers(0, 9), times=st.integers(1, 2))
    def the_owner_uses_a_link(self, at: int, which: int, times: int) -> None:
        if not self.owners:
            return
        token = self.owners[which % len(self.owners)]
        for _ in range(times):
            answer = self._send(self.browsers[at], "/ui/reset", {"token": token, "new_password": f"mine {uuid4()}"})
            assert (answer == 303) == (token == self.live), "once, and the newest alone"
            if token == self.live:
                self._used()

    @rule(at=st.integers(0, 1), path=st.sampled_from(["/ui/reset", "/ui/register/confirm", "/ui/me/email/confirm"]))
    def a_scanner_opens_a_link(self, at: int, path: str) -> None:
        if self.owners:
            Browser(self.world).get(f"{path}?token={self.owners[-1]}")
            self.browsers[at].get(f"{path}?done=1")

    @invariant()
    def nothing_has_changed_without_its_proof(self) -> None:
        stored = self._stored()
        assert stored.password_hash == self.hash
        assert (stored.email, stored.email_verified) == (self.owner.email, True)
        for browser in self.browsers:
            found = visitor(self.world, browser.cookie(opaque.SESSION))
            assert found is None or found.user.id != self.owner.id

    def _used(self) -> None:
        """The owner's own secret was used: that is the one way."""
        after = self._stored().password_hash
        assert after != self.hash
        self.seen["a link used"] += 1
        self.hash, self.live = after, ""

    def _csrf(self, browser: Browser, form: str) -> str:
        answer = browser.get(form)
        found = answer.text.partition('name="csrf" value="')[2]
        return found.partition('"')[0]

    def _send(self, browser: Browser, form: str, fields: dict[str, str]) -> int:
        csrf = self._csrf(browser, form)
        return browser.send(form, {**fields, "csrf": csrf}, SAME_ORIGIN).status_code


def test_no_path_reaches_a_password_or_a_sign_in_without_its_proof(small_world: World):
    class Here(Paths):
        def __init__(self) -> None:
            super().__init__(small_world)

    few = settings(
        max_examples=25,
        stateful_step_count=25,
        phases=(Phase.generate,),  # a failure tells its steps; making them fewer takes minutes
        deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    Here.seen = Counter()
    run_state_machine_as_test(Here, settings=few)
    assert Here.seen.keys() == {"the owner's letter", "the thief's letter", "a link used"}, "it got that far"
