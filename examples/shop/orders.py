"""The shop's API: takes orders from whoever shows a token for it, and keeps them in memory."""

import os
from collections import defaultdict
from typing import Annotated

from fastapi import Depends, FastAPI

from authsvc.verify import AccessToken, TokenVerifier
from authsvc.verify.fastapi import configure, require_scope

app = FastAPI(title="Orders")
configure(app, TokenVerifier(issuer=os.environ["ISSUER"], audience="https://orders.example"))
_orders: dict[str, list[str]] = defaultdict(list)


@app.get("/orders")
async def listed(token: Annotated[AccessToken, Depends(require_scope("orders:read"))]) -> list[str]:
    """Return the person's orders."""
    return _orders[token.subject]


@app.post("/orders", status_code=201)
async def order(book: str, token: Annotated[AccessToken, Depends(require_scope("orders:write"))]) -> list[str]:
    """Take an order."""
    _orders[token.subject].append(book)
    return _orders[token.subject]
