"""Bringing what lies encrypted under older master keys under the current one.

Not covered: payloads of mailed links, which live for minutes, and files of users, which live until they are imported.
An older key stays until the last of them is gone.
"""

from contextlib import suppress
from dataclasses import replace

from authsvc.crypto import envelope
from authsvc.crypto.envelope import MasterKeys, Place
from authsvc.domain.keyring import key_place
from authsvc.domain.mail.outbox import Letter
from authsvc.domain.parties.clients import Client, ClientSecret, client_secret_place
from authsvc.domain.ports import UnitOfWork
from authsvc.errors import Conflict

_PAGE = 200


def reencrypt(uow: UnitOfWork, master_keys: MasterKeys) -> int:
    """Encrypt the tenant's signing keys, client secrets and letters under the current master key.

    Returns how many rows were not. Within the begun transaction; a row that someone changes meanwhile is left to the
    next run. Raises: DecryptionFailed.
    """
    return _signing_keys(uow, master_keys) + _client_secrets(uow, master_keys) + _letters(uow, master_keys)


def _signing_keys(uow: UnitOfWork, master_keys: MasterKeys) -> int:
    count = 0
    for record in uow.keys.list():
        old = record.private_encrypted
        new = _renewed(old, key_place(uow.tenant_id, record.kid), master_keys)
        if new is not None:
            count += uow.keys.set_private(record.kid, new, instead_of=old)
    return count


def _client_secrets(uow: UnitOfWork, master_keys: MasterKeys) -> int:
    count = 0
    page: tuple[Client, ...] = uow.clients.list(None, _PAGE)
    while page:
        for client in page:
            kept = tuple(_renewed_secret(uow, client, secret, master_keys) for secret in client.secrets)
            if kept != client.secrets:
                count += 1
                # Changed meanwhile: counted, so that there is a next run.
                with suppress(Conflict):
                    uow.clients.save(replace(client, secrets=kept))
        page = uow.clients.list(page[-1].id, _PAGE)
    return count


def _renewed_secret(uow: UnitOfWork, client: Client, secret: ClientSecret, master_keys: MasterKeys) -> ClientSecret:
    if secret.secret_encrypted is None:
        return secret
    place = client_secret_place(uow.tenant_id, client.id, secret.id)
    new = _renewed(secret.secret_encrypted, place, master_keys)
    return secret if new is None else replace(secret, secret_encrypted=new)


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
