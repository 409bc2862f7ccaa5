"""GET and POST /ui/account/data: everything that is stored of a person, as a file; no secrets."""

import json
from collections.abc import Mapping

from authsvc.domain.people.data_export import exported
from authsvc.protocol.audit import record
from authsvc.web.pages.account.here import AccountPage, Desk, Here
from authsvc.web.request import Call
from authsvc.web.responses import NO_STORE, Response


def _view(call: Call, here: Here, desk: Desk) -> Mapping[str, object]:  # noqa: ARG001 - a view's shape
    return {}


def _act(call: Call, here: Here, desk: Desk) -> Response:  # noqa: ARG001 - an action's shape
    content = json.dumps(exported(here.user, call.uow, call.request.now), ensure_ascii=False, indent=2)
    call.uow.begin()
    record(call.uow, call.request, "user.exported", user_id=here.user.id)
    disposition = (b"content-disposition", b'attachment; filename="account.json"')
    return Response(200, ((b"content-type", b"application/json"), disposition, *NO_STORE), content.encode())


PAGE = AccountPage("account/data", "data", _view, _act)
