"""What must happen with the person before the answer: prompts, and how old their sign-in may be."""

from dataclasses import replace

from authsvc.protocol.authorize.request import AuthorizationRequest, Judging
from authsvc.protocol.errors import InvalidRequest

NONE, LOGIN, CONSENT, SELECT_ACCOUNT, CREATE = "none", "login", "consent", "select_account", "create"
PROMPTS = (NONE, LOGIN, CONSENT, SELECT_ACCOUNT, CREATE)
"""OpenID Connect Core §3.1.2.1, Initiating User Registration via OpenID Connect 1.0 §4."""
_MAX_DIGITS = 9


def offered(*, signs_up: bool) -> tuple[str, ...]:
    """Return the prompts that are there: people create accounts only where they may sign up."""
    return PROMPTS if signs_up else tuple(prompt for prompt in PROMPTS if prompt != CREATE)


def check_prompt(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Read `prompt`; `none` goes with no other. Raises: InvalidRequest."""
    presented = request.parameters.get("prompt")
    if presented is None:
        return request
    prompts = frozenset(presented.split(" ")) - {""}
    known = offered(signs_up=judging.issuing.signs_up)
    if not prompts <= frozenset(known):
        raise InvalidRequest(f"prompt is some of {', '.join(known)}")
    if NONE in prompts and len(prompts) > 1:
        raise InvalidRequest("the prompt none goes with no other")
    return replace(request, prompts=prompts)


def check_max_age(request: AuthorizationRequest, judging: Judging) -> AuthorizationRequest:
    """Read `max_age`, in seconds; without it, the client's registered default. Raises: InvalidRequest."""
    presented = request.parameters.get("max_age")
    if presented is None:
        default = request.client.relying_party.default_max_age_seconds
        return request if default is None else replace(request, max_age_seconds=default)
    if not (presented.isascii() and presented.isdigit() and len(presented) <= _MAX_DIGITS):
        raise InvalidRequest("max_age is a number of seconds")
    return replace(request, max_age_seconds=int(presented))
