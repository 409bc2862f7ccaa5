"""Changes of the configuration, in words: + add, ~ change from -> to, - remove, = left as it is."""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import chain

from authsvc.domain.configuration.changes import Change, TenantChanges, Verb

NOTHING = "nothing to do"
_MAX_CHARACTERS = 300
_COUNTED = {Verb.ADD: "to add", Verb.CHANGE: "to change", Verb.REMOVE: "to remove"}


def in_words(found: Iterable[TenantChanges]) -> Iterator[str]:
    """Yield one line for each object and each of its members, and at last how many there are."""
    tenants = list(found)
    for tenant in tenants:
        if tenant.changes:
            yield f"tenant {tenant.after.tenant.name}"
            yield from chain.from_iterable(map(_object, tenant.changes))
    verbs = [change.verb for tenant in tenants for change in tenant.made]
    if not verbs:
        yield NOTHING
        return
    yield ", ".join(f"{verbs.count(verb)} {words}" for verb, words in _COUNTED.items() if verb in verbs)


def _object(change: Change) -> Iterator[str]:
    what = "" if change.kind is None else f" {change.name}"
    yield f"  {change.verb.value} {change.word}{what}{_remark(change)}"
    for name, before, after in change.members:
        yield f"      {name}: {_member(change, name, before, after)}"


def _remark(change: Change) -> str:
    if change.verb is Verb.REMOVE:
        return ": will be disabled" if change.kind is None else ""
    if change.verb is not Verb.LEFT:
        return ""
    if change.after is not None:
        return " stays disabled: the file says nothing of that"
    return " is not in the file: --prune " + ("disables it" if change.kind is None else "removes it")


def _member(change: Change, name: str, before: object, after: object) -> str:
    if name == "secrets" and isinstance(before, list) and isinstance(after, list):
        # The name of a secret that is not made yet means nothing.
        after = [each if each in before else "a new one" for each in after]
    if change.verb is Verb.ADD:
        return _shown(after)
    if isinstance(before, list) and isinstance(after, list) and _differ(before, after):
        more = [f"+ {_shown(each)}" for each in after if each not in before]
        return ", ".join(more + [f"- {_shown(each)}" for each in before if each not in after])
    return f"{_shown(before)} -> {_shown(after)}"


def _differ(before: list[object], after: list[object]) -> bool:
    """Whether they differ in what they hold, not in its order alone."""
    return any(each not in before for each in after) or any(each not in after for each in before)


def _shown(value: object) -> str:
    match value:
        case None | "" | [] | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(each, str) for each in value):
            text = ", ".join(map(str, value))
        case str() if value.isprintable():
            text = value
        case _:
            text = json.dumps(value, ensure_ascii=True)
    if len(text) <= _MAX_CHARACTERS:
        return text
    return f"{len(text)} characters of SHA-256 {sha256(text.encode()).hexdigest()[:12]}"
