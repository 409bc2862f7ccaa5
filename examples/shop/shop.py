"""A book shop that leaves sign-in to authsvc: OpenID Connect by Authlib, and nothing about passwords.

Run by `uvicorn`; ISSUER, CLIENT_ID, CLIENT_SECRET, SHOP_URL and ORDERS_URL come by environment.
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
from authlib.integrations.starlette_client import OAuth, OAuthError
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

SHOP, ORDERS = os.environ["SHOP_URL"], os.environ["ORDERS_URL"]
BOOKS = ("The Lighthouse Keeper's Year", "Tides and Their Tables", "A Short History of Harbours")
_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
# What a person holds of the shop is a number; who they are and their tokens stay here.
_visits: dict[str, dict[str, Any]] = {}

oauth = OAuth()
oauth.register(
    "authsvc",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{os.environ['ISSUER']}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email orders:read orders:write", "code_challenge_method": "S256"},
)


async def home(request: Request) -> Response:
    """The books, and who is here."""
    visit = _visits.get(request.session.get("visit", ""))
    orders = await _orders("GET", visit) if visit else []
    page = _PAGES.get_template("shop.html")
    return HTMLResponse(page.render(books=BOOKS, person=visit and visit["userinfo"], orders=orders))


async def sign_in(request: Request) -> Response:
    """Send the browser to authsvc."""
    answer: Response = await oauth.authsvc.authorize_redirect(request, f"{SHOP}/callback")
    return answer


async def callback(request: Request) -> Response:
    """Take the browser back: the code becomes tokens, and the ID token says who it is."""
    try:
        tokens = await oauth.authsvc.authorize_access_token(request)
    except OAuthError as error:
        page = _PAGES.get_template("shop.html")
        return HTMLResponse(page.render(books=BOOKS, person=None, orders=[], refused=error.error), 400)
    visit = secrets.token_urlsafe()
    _visits[visit] = tokens
    request.session.clear()
    request.session["visit"] = visit
    return RedirectResponse("/", 303)


async def order(request: Request) -> Response:
    """Order a book in the person's name."""
    visit = _visits.get(request.session.get("visit", ""))
    (book,) = parse_qs((await request.body()).decode()).get("book", [""])
    if visit is not None and book in BOOKS:
        await _orders("POST", visit, book=book)
    return RedirectResponse("/", 303)


async def sign_out(request: Request) -> Response:
    """Forget the person here, then at authsvc (OpenID Connect RP-Initiated Logout)."""
    visit = _visits.pop(request.session.pop("visit", ""), None)
    if visit is None:
        return RedirectResponse("/", 303)
    metadata = await oauth.authsvc.load_server_metadata()
    wanted = {"id_token_hint": visit["id_token"], "post_logout_redirect_uri": f"{SHOP}/"}
    return RedirectResponse(f"{metadata['end_session_endpoint']}?{urlencode(wanted)}", 303)


async def _orders(method: str, visit: dict[str, Any], **query: str) -> list[str]:
    headers = {"Authorization": f"Bearer {visit['access_token']}"}
    async with httpx.AsyncClient() as client:
        answer = await client.request(method, f"{ORDERS}/orders", headers=headers, params=query)
    found: list[str] = answer.json() if answer.is_success else []
    return found


app = Starlette(
    routes=[
        Route("/", home),
        Route("/sign-in", sign_in),
        Route("/callback", callback),
        Route("/order", order, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key=secrets.token_hex(), https_only=True, same_site="lax")],
)
