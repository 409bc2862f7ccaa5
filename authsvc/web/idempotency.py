"""Idempotency-Key: a request that creates something and is sent again gets the first answer again.

The answer is stored in the transaction of the work itself: whoever reads it may rely on the work, and a crash leaves
neither. It lies encrypted, with the fingerprint of the body beside it; secrets that are told once are left out.
Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.crypto.errors import CryptoError
from authsvc.domain.idempotent_answers import IdempotentAnswer
from authsvc.web.errors import HttpError
from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response

HEADER = b"idempotency-key"
REPLAYED: Headers = ((b"idempotent-replayed", b"true"),)
TOLD_ONCE = frozenset({"client_secret", "key"})
"""Members of answers that are secrets: who lost them makes new ones."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What the process lends; an answer is kept for `seconds`."""

    master_keys: MasterKeys
    seconds: int

    def once(self, call: Call, principal: str, act: Callable[[], Response], body: str = "") -> Response:
        """Return what `act` answers, or what it answered when this principal sent this key here before.

        `body` stands for one that the request does not hold.

        A refusal is not kept: it has done nothing. Raises: HttpError 400 for what is no key, 422 if it came with
        another body, 409 if the first one is being answered at this moment; what `act` raises.
        """
        key = call.request.header(HEADER)
        if key is None:
            return act()
        if not _KEY.fullmatch(key):
            raise HttpError(400, "An Idempotency-Key has 1 to 255 visible ASCII characters.")
        now, key_hash = call.request.now, _hash(principal, call.request.method, call.request.path, key)
        known = call.uow.idempotent_answers.find(key_hash, now)
        if known is not None:
            call.request.permit.release()
            return self._again(known, call, body or _fingerprint(call))
        answer = act()
        kept = IdempotentAnswer(
            key_hash,
            self._sealed(answer, key_hash, call, body or _fingerprint(call)),
            now + timedelta(seconds=self.seconds),
        )
        call.uow.begin()
        if not call.uow.idempotent_answers.add(kept, now):
            raise HttpError(409, "The first request with this key is being answered: ask again.", code="conflict")
        return answer

    def _sealed(self, answer: Response, key_hash: str, call: Call, body: str) -> bytes:
        content = json.loads(answer.body) if answer.body else None
        if isinstance(content, dict):
            content = {name: value for name, value in content.items() if name not in TOLD_ONCE}
        headers = [[name.decode(), value.decode("latin-1")] for name, value in answer.headers]
        kept = json.dumps([body, answer.status, headers, content]).encode()
        return envelope.encrypt(kept, _place(key_hash, call), self.master_keys)

    def _again(self, known: IdempotentAnswer, call: Call, body: str) -> Response:
        try:
            kept = envelope.decrypt(known.answer_encrypted, _place(known.key_hash, call), self.master_keys)
        except CryptoError:
            raise HttpError(409, "This was done; its answer can no longer be read.", code="conflict") from None
        fingerprint, status, headers, content = json.loads(kept)
        if fingerprint != body:
            raise HttpError(422, "This key came with another body before.", code="idempotency_key_reused")
        told = b"" if content is None else json.dumps(content, separators=(",", ":")).encode()
        named = tuple((name.encode(), value.encode("latin-1")) for name, value in headers)
        return Response(status, named + REPLAYED, told)


def _fingerprint(call: Call) -> str:
    """Encrypted wherever it is stored: nobody can try bodies against it."""
    return hashlib.sha256(call.request.body).hexdigest()


def _hash(*parts: str) -> str:
    # None of them holds NUL, so that no two lists of parts are one text.
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _place(key_hash: str, call: Call) -> Place:
    return Place(str(call.tenant.id), table="idempotent_answers", row=key_hash, column="answer_encrypted")
