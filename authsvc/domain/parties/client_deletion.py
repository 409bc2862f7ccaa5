"""The end of a client, and of the doors that others hold open to its tokens."""

from collections.abc import Iterator
from dataclasses import replace

from authsvc.domain.parties.clients import Client
from authsvc.domain.ports import UnitOfWork
from authsvc.domain.tokens.exchange import ExchangePolicy

_PAGE = 1_000


def delete_client(client_id: str, uow: UnitOfWork) -> bool:
    """Delete the client and all that it holds; False if it is not there. Within the transaction.

    No exchange policy names it any more: whoever is registered by its id later is another. For ids that somebody chose:
    those that strangers register are random, and come only once.
    Raises: Conflict if a client with such a policy is changed meanwhile.
    """
    for holder in _everybody(uow):
        left = tuple(kept for policy in holder.exchanges if (kept := _without(client_id, policy)) is not None)
        if left != holder.exchanges and holder.id != client_id:
            uow.clients.save(replace(holder, exchanges=left))
    return uow.clients.delete(client_id)


def _everybody(uow: UnitOfWork) -> Iterator[Client]:
    after = None
    while page := uow.clients.list(after, _PAGE):
        yield from page
        after = page[-1].id


def _without(client_id: str, policy: ExchangePolicy) -> ExchangePolicy | None:
    """Return the policy without the client; None if it was for nobody else's tokens."""
    left = replace(policy, clients=policy.clients - {client_id})
    return left if left.clients or left.issuers or left.api_keys else None
