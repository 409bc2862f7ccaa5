"""Orders takes people's orders. It checks their tokens, and calls billing in their name: it exchanges each person's
token for one that is good at billing (RFC 8693), so that its own audience is never widened.

Run by `uvicorn` or any ASGI server; ISSUER, CLIENT_ID, CLIENT_SECRET and BILLING_URL come by environment.
"""

import os
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request

from authsvc.verify import AccessToken, TokenVerifier
from authsvc.verify.fastapi import configure, require_scope

ISSUER = os.environ["ISSUER"]
CREDENTIALS = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
BILLING_URL = os.environ["BILLING_URL"]

app = FastAPI(title="Orders")
configure(app, TokenVerifier(issuer=ISSUER, audience="https://orders.example"))


@app.post("/orders")
def order(request: Request, token: Annotated[AccessToken, Depends(require_scope("orders:write"))]) -> dict[str, Any]:
    """Take an order and have it billed in the person's name."""
    presented = request.headers["authorization"].partition(" ")[2].strip()
    charged = httpx.post(
        f"{BILLING_URL}/charges", headers={"Authorization": f"Bearer {for_billing(presented)}"}, timeout=10
    )
    if charged.status_code != httpx.codes.OK:
        raise HTTPException(502, f"billing answered {charged.status_code}")
    return {"service": "orders", "did": "ordered", "token": dict(token.claims), "next": charged.json()}


def for_billing(presented: str) -> str:
    """Return a token of the same person for billing."""
    answer = httpx.post(
        f"{ISSUER}/token",
        auth=CREDENTIALS,
        data={
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": presented,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "https://billing.example",
        },
        timeout=10,
    )
    if answer.status_code != httpx.codes.OK:
        raise HTTPException(502, f"the token cannot be exchanged: {answer.json().get('error')}")
    return str(answer.json()["access_token"])
