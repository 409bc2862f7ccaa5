"""Letters as their readers find them, and the links in them."""

import re

from authsvc.app import read_master_keys
from authsvc.domain.mail.outbox import Mail
from authsvc.domain.mail.postbox import Postbox
from authsvc.domain.tenants import Tenant
from tests.flows.world import ISSUER, World


def letters(world: World, tenant: Tenant | None = None) -> list[Mail]:
    """What waits in the outbox, oldest first; taken out of it."""
    postbox, whose = Postbox(read_master_keys(world.settings)), (tenant or world.tenant).id
    with world.change(tenant) as uow:
        waiting = sorted(uow.outbox.list(None, 100), key=lambda letter: letter.created_at)
        for letter in waiting:
            uow.outbox.delete(letter.id)
    return [postbox.open(letter, whose) for letter in waiting]


def link_in(letter: Mail) -> str:
    """The link of a letter, from its path on."""
    found = re.search(rf"{re.escape(ISSUER)}(\S+\?token=as_ml_[A-Za-z0-9_-]+)", letter.text)
    assert found is not None, letter.text
    return found[1]


def token_of(link: str) -> str:
    return link.partition("token=")[2]
