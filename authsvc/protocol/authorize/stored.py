"""What is stored of a request while its person signs in: as it came, but for tokens, which are encrypted.

An ID token that hints at a person is worth something to whoever reads the database; so is what a client has signed.
"""

from authsvc.crypto import base64url, envelope
from authsvc.crypto.envelope import Place
from authsvc.crypto.errors import DecryptionFailed
from authsvc.domain.sign_in.flows import FlowOver
from authsvc.protocol.authorize.request import Judging, Parameters

_TOKENS = ("id_token_hint", "request")


def sealed(given: Parameters, handle_hash: str, judging: Judging) -> Parameters:
    """Return the parameters as they are stored with the errand of this handle."""
    return {
        name: tuple(_seal(name, value, handle_hash, judging) for value in values) if name in _TOKENS else values
        for name, values in given.items()
    }


def opened(stored: Parameters, handle_hash: str, judging: Judging) -> Parameters:
    """Return the parameters as they came. Raises: FlowOver if their master key has gone meanwhile."""
    try:
        return {
            name: tuple(_open(name, value, handle_hash, judging) for value in values) if name in _TOKENS else values
            for name, values in stored.items()
        }
    except (DecryptionFailed, ValueError) as error:
        raise FlowOver("its tokens cannot be decrypted") from error


def _seal(name: str, value: str, handle_hash: str, judging: Judging) -> str:
    place = _place(name, handle_hash, judging)
    return base64url.encode(envelope.encrypt(value.encode(), place, judging.issuing.master_keys))


def _open(name: str, value: str, handle_hash: str, judging: Judging) -> str:
    place = _place(name, handle_hash, judging)
    return envelope.decrypt(base64url.decode(value), place, judging.issuing.master_keys).decode()


def _place(name: str, handle_hash: str, judging: Judging) -> Place:
    return Place(str(judging.uow.tenant_id), table="continuations", row=handle_hash, column=f"parameters/{name}")
