"""One row in every table that belongs to a tenant."""

from dataclasses import replace
from uuid import UUID, uuid4

from authsvc.domain.idempotent_answers import IdempotentAnswer
from authsvc.domain.parties.relying_parties import OPENLY, RelyingParty
from authsvc.domain.people.user_imports import Chunk, RefusedRow, UserImport
from authsvc.storage.sql.engine import Storage
from tests.storage.examples import (
    LATER,
    NOW,
    a_browser_session,
    a_client,
    a_code,
    a_consent,
    a_continuation,
    a_delivery,
    a_family,
    a_federated_client,
    a_key,
    a_letter,
    a_link,
    a_registration_token,
    a_reservation,
    a_resource,
    a_session,
    a_user,
    an_api_key,
    an_event,
    an_issuer,
    an_opaque_token,
)

USER = a_user()
SESSION = a_session(USER)
FAMILY = a_family(SESSION)
LETTER = a_letter()
EVENT = an_event()
API_KEY = an_api_key(USER.id)
BROWSER = a_browser_session(USER)
DELIVERY = a_delivery()
REGISTRATION = a_registration_token()
IMPORT = UserImport(uuid4(), "csv", False, "ops", "request-1", NOW, bytes_total=5, over_at=LATER)
UPLOAD = replace(IMPORT, id=uuid4())
ANSWER = IdempotentAnswer("key-hash", b"answer", NOW.replace(year=2999))


def store_everything(storage: Storage) -> UUID:
    """Store one of everything, and return its tenant's id."""
    unit = storage.unit_of_work(uuid4())
    for _ in range(a_reservation().schedule.free):
        unit.attempts.reserve([a_reservation()], NOW)
    unit.begin()
    unit.users.add(USER)
    unit.sessions.add(SESSION)
    unit.families.add(FAMILY)
    unit.clients.add(replace(a_client(), relying_party=RelyingParty(registered_with=OPENLY)))
    unit.clients.add(a_federated_client())
    unit.issuers.add(an_issuer())
    unit.replays.consume("robot", "assertion", LATER)
    unit.access_tokens.add(an_opaque_token())
    unit.access_tokens.revoke("revoked-id", LATER)
    unit.api_keys.add(API_KEY)
    unit.resources.add(a_resource())
    unit.keys.add(a_key())
    unit.audit.add(EVENT)
    unit.outbox.add(LETTER)
    unit.links.add(a_link(USER.id))
    unit.browser_sessions.add(BROWSER)
    unit.browser_sessions.join(BROWSER.session.id, "shop", NOW)
    unit.codes.add(a_code(SESSION))
    unit.continuations.add(a_continuation())
    unit.consents.give(a_consent(USER))
    unit.logout_deliveries.add(DELIVERY)
    unit.registration_tokens.add(REGISTRATION)
    unit.idempotent_answers.add(ANSWER, NOW)
    unit.user_imports.add(IMPORT)
    unit.user_imports.add_chunk(IMPORT, Chunk(0, b"chunk"))
    unit.user_imports.submit(IMPORT.id)
    unit.user_imports.advance(IMPORT, replace(IMPORT, refused=1), [RefusedRow(2, "reason")])
    unit.user_imports.add(UPLOAD)
    unit.commit()
    unit.close()
    return unit.tenant_id
