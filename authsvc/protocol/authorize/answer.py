"""The good answer: an authorization code for what the person and the client agreed on."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from authsvc.crypto import opaque
from authsvc.domain.sign_in.authorization_codes import AuthorizationCode
from authsvc.domain.tokens.content import SignIn
from authsvc.protocol.acr import acr_of
from authsvc.protocol.authorize.next_step import Present
from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.authorize.respond import success
from authsvc.protocol.authorize.scope import OFFLINE
from authsvc.protocol.way_back import WayBack

SEEN_AFTER_SECONDS = 60
"""A visit is written down once in this while: most requests then write the code and nothing else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser carries to the client, and how."""

    members: Mapping[str, str]
    way_back: WayBack


def answer(request: AuthorizationRequest, present: Present, judging: Judging) -> Answer:
    """Store the code and return the answer that carries it. Source: RFC 6749 §4.1.2."""
    way_back = request.way_back
    assert way_back is not None  # noqa: S101 - the pipeline lets no request through without
    value, uow = opaque.new_secret(opaque.AUTHORIZATION_CODE), judging.uow
    _touch(present, judging)
    # Mostly the one statement that is written: it needs no transaction around it.
    uow.codes.add(_code(value, request, present, judging))
    return Answer(success(value, way_back), way_back)


def _code(value: str, request: AuthorizationRequest, present: Present, judging: Judging) -> AuthorizationCode:
    session, parameters, now = present.visitor.browser.session, request.parameters, judging.now
    family_id = uuid4() if "refresh_token" in request.client.grant_types else None
    return AuthorizationCode(
        code_hash=opaque.hash_secret(value),
        client_id=request.client.id,
        sign_in=SignIn(session.user_id, session.id, session.authenticated_at, session.amr, family_id),
        redirect_uri=parameters.get("redirect_uri"),
        code_challenge=parameters.get("code_challenge"),
        scopes=request.scopes,
        resources=request.audiences,
        nonce=parameters.get("nonce"),
        claims=request.claims,
        acr=acr_of(session.amr),
        token_id=secrets.token_urlsafe(16),
        offline=OFFLINE in request.scopes,
        created_at=now,
        expires_at=now + timedelta(seconds=judging.issuing.lifetimes.authorization_code),
    )


def _touch(present: Present, judging: Judging) -> None:
    browser, now = present.visitor.browser, judging.now
    if now - browser.seen_at >= timedelta(seconds=SEEN_AFTER_SECONDS):
        judging.uow.begin()
        idle = timedelta(seconds=judging.issuing.lifetimes.browser_idle)
        judging.uow.browser_sessions.touch(browser.session.id, now, now + idle)
