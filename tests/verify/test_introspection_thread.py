"""The thread that asks: a fork has none of it, and it ends with its verifier."""

import gc
import os
import threading
import time
from collections.abc import Callable

from authsvc.verify import IntrospectionVerifier
from tests.verify.conftest import MakeAsking
from tests.verify.issuer_server import AUDIENCE, SECRET, IssuerServer


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_verifier_is_good_in_a_process_that_was_forked_after_its_first_question(
    asking: IntrospectionVerifier, server: IssuerServer
):
    asking.verify(server.opaque("opaque-1"))
    server.opaque("opaque-2")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if asking.verify("opaque-2").subject == "user-1" else 2
        finally:
            os._exit(code)  # Whatever happens: this process must not go on with the tests.

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_verifier_that_is_closed_or_forgotten_leaves_no_thread(make_asking: MakeAsking, server: IssuerServer):
    def threads() -> int:
        return sum(thread.name == "authsvc-verify-ask" for thread in threading.enumerate())

    # Tests before this one may have forgotten theirs.
    gc.collect()
    until(lambda: threads() == 0)
    verifier = make_asking()
    verifier.verify(server.opaque())
    assert threads() == 1
    verifier.close()
    until(lambda: threads() == 0)

    forgotten = IntrospectionVerifier(server.issuer, AUDIENCE, client_id="orders", client_secret=SECRET)
    forgotten.verify(server.opaque())
    del forgotten
    gc.collect()
    until(lambda: threads() == 0)
