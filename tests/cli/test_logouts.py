from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from authsvc.domain.audit import event_id
from authsvc.domain.parties.clients import Client
from authsvc.domain.parties.relying_parties import RelyingParty
from authsvc.domain.people.users import User
from authsvc.domain.sign_in.logout_deliveries import LogoutDelivery
from authsvc.domain.sign_in.sessions import BROWSER, BrowserSession, Session
from authsvc.storage.sql.engine import open_storage

NOW = datetime.now(UTC)
PARTY = RelyingParty(("https://shop.example/cb",), backchannel_logout_uri="https://shop.example/back")


def store(site, act):
    storage = open_storage(f"sqlite:///{site.directory}/var/authsvc.db", pool_size=1, cache=None)
    (tenant,) = storage.list_tenants()
    uow = storage.unit_of_work(tenant.id)
    uow.begin()
    act(uow)
    uow.commit()
    uow.close()
    storage.close()


def test_deliveries_are_listed_oldest_first_with_what_became_of_them(installation):
    def add(uow):
        for number, client_id in enumerate(("shop", "away", "waiting")):
            at = NOW + timedelta(seconds=number)
            uow.logout_deliveries.add(LogoutDelivery(event_id(at), client_id, uuid4(), uuid4(), at, at))
        shop, away, _ = uow.logout_deliveries.list(None, 9)
        uow.logout_deliveries.close(shop.id, "delivered", None)
        uow.logout_deliveries.close(away.id, "failed", "answered 500")

    store(installation, add)

    found = installation.done("logouts", "list", "--json").json
    assert [(each["client_id"], each["outcome"], each["detail"]) for each in found] == [
        ("shop", "delivered", None), ("away", "failed", "answered 500"), ("waiting", None, None),
    ]  # fmt: skip
    assert [each["next_attempt_at"] is None for each in found] == [True, True, False]
    rest = installation.done("logouts", "list", "--after", found[0]["id"], "--limit", "1", "--json").json
    assert rest == found[1:2]
    assert "answered 500" in installation.done("logouts", "list").out


def test_an_administrators_end_of_sessions_is_told_to_their_clients(installation):
    user = User(uuid4(), "ada", None, False, None, None, NOW)
    session = Session(uuid4(), user.id, BROWSER, NOW, ("pwd",), NOW + timedelta(days=1))
    client = Client(
        id="shop", name="The shop", auth_method="none", secrets=(), first_party=False,
        grant_types=frozenset({"authorization_code"}), scopes=frozenset(), resources=frozenset(), origins=frozenset(),
        profile="oidc", id_token_algorithm="RS256", created_at=NOW, relying_party=PARTY,
    )  # fmt: skip

    def add(uow):
        uow.users.add(user)
        uow.clients.add(client)
        uow.clients.add(replace(client, id="silent", relying_party=replace(PARTY, backchannel_logout_uri=None)))
        uow.browser_sessions.add(BrowserSession(session, "hash", session.expires_at, NOW, "192.0.2.1", "test"))
        for client_id in ("shop", "silent"):
            uow.browser_sessions.join(session.id, client_id, NOW)

    store(installation, add)

    assert "1 session" in installation.done("users", "end-sessions", "ada").out

    (left,) = installation.done("logouts", "list", "--json").json
    assert (left["client_id"], left["session_id"], left["attempts"]) == ("shop", str(session.id), 0)
