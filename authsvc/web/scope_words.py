"""What is told and done by the scopes that belong to no resource, in the order in which it is shown."""

from collections.abc import Mapping

from authsvc.web.languages import mark

SCOPE_WORDS: Mapping[str, str] = {
    "openid": mark("Know that it is you"),
    "profile": mark("See your name and your profile"),
    "email": mark("See your e-mail address"),
    "address": mark("See your postal address"),
    "phone": mark("See your phone number"),
    "account": mark("Manage your account here"),
    "offline_access": mark("Keep this access while you are away"),
}
