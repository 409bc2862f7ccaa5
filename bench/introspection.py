"""POST /introspect of an opaque access token against a bare app that reads the same row of the same database."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from bench import pair, rounds
from bench.load import Load
from bench.processes import BenchError
from bench.servers import FORM, Authsvc, Facts, answer_to, give_birth, start_authsvc, start_bare_introspection

NAME = "introspection"


def make_opaque(database: Path, audience: str) -> str:
    """Let tokens for this audience be opaque; return the id of the tenant as it stands in the rows."""
    from authsvc.storage.sql.engine import open_storage  # noqa: PLC0415 - the other comparisons run without it

    storage = open_storage(f"sqlite:///{database}", pool_size=1, cache=None)
    tenant = storage.list_tenants()[0]
    uow = storage.unit_of_work(tenant.id)
    try:
        uow.begin()
        for resource in uow.resources.list():
            if resource.audience == audience:
                uow.resources.save(replace(resource, token_format="opaque"))
        uow.commit()
    finally:
        uow.close()
        storage.close()
    return tenant.id.hex


def asking(facts: Facts, token: str) -> Load:
    """Ask what the token is worth, as the service that it is for."""
    basic = base64.b64encode(f"{facts.client_id}:{facts.client_secret}".encode()).decode()
    return Load(
        f"{facts.issuer}/introspect", "POST", {**FORM, "Authorization": f"Basic {basic}"}, urlencode({"token": token})
    )


def compare(plan: rounds.Plan, directory: Path) -> list[rounds.Figure]:
    """Answers per second of both under the same server, each on the one server core."""
    how = Authsvc(directory)
    database = give_birth(how) / "authsvc.db"
    with start_authsvc(how) as ours:
        tenant = make_opaque(database, ours.facts.audience)
        token = json.loads(answer_to(ours.facts.client_credentials()))["access_token"]
        if not token.startswith("as_at_"):
            message = "the token is not opaque"
            raise BenchError(message)
        with start_bare_introspection(directory, ours.facts, database, tenant) as theirs:
            requests = asking(ours.facts, token), asking(theirs.facts, token)
            for request in requests:
                if json.loads(answer_to(request)).get("active") is not True:
                    message = f"{request.url} does not find the token active"
                    raise BenchError(message)
            mine, peers = pair.compare(plan, (ours, requests[0]), (theirs, requests[1]))
    judged = rounds.Judged(
        "POST /introspect of an opaque token against a bare app that reads the same row", "answers/s", aim=0.6
    )
    return [pair.figure(judged, mine, peers)]
