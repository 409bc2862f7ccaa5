"""Bringing what lies encrypted under older master keys under the current one.

Not covered: payloads of mailed links, which live for minutes. An older key stays until the last of them has expired.
"""

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.domain.keyring import key_place
from authsvc.domain.outbox import Letter
from authsvc.domain.ports import UnitOfWork

_PAGE = 200


def reencrypt(uow: UnitOfWork, master_keys: MasterKeys) -> int:
    """Encrypt the tenant's signing keys and letters under the current master key; return how many were not.

    Within the begun transaction. A row that someone changes meanwhile is left to the next run.
    Raises: DecryptionFailed.
    """
    return _signing_keys(uow, master_keys) + _letters(uow, master_keys)


def _signing_keys(uow: UnitOfWork, master_keys: MasterKeys) -> int:
    count = 0
    for record in uow.keys.list():
        old = record.private_encrypted
        new = _renewed(old, key_place(uow.tenant_id, record.kid), master_keys)
        if new is not None:
            count += uow.keys.set_private(record.kid, new, instead_of=old)
    return count


def _letters(uow: UnitOfWork, master_keys: MasterKeys) -> int:
    count = 0
    page: tuple[Letter, ...] = uow.outbox.list(None, _PAGE)
    while page:
        for letter in page:
            place = Place(str(uow.tenant_id), table="letters", row=str(letter.id), column="content_encrypted")
            new = _renewed(letter.content_encrypted, place, master_keys)
            if new is not None:
                count += uow.outbox.set_content(letter.id, new, instead_of=letter.content_encrypted)
        page = uow.outbox.list(page[-1].id, _PAGE)
    return count


def _renewed(ciphertext: bytes, place: Place, master_keys: MasterKeys) -> bytes | None:
    if envelope.encrypted_under(ciphertext) == master_keys.current:
        return None
    return envelope.encrypt(envelope.decrypt(ciphertext, place, master_keys), place, master_keys)
