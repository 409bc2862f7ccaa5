"""What a page says of who is signed in."""

from collections.abc import Mapping

from authsvc.domain.sign_in.sessions import Visitor


def shown_person(visitor: Visitor) -> Mapping[str, str]:
    """Return the person's name, and what they sign in with where that is something else."""
    user = visitor.user
    return {"name": user.name or user.username, "login": user.username if user.name else user.email or ""}
