"""Letters leave: from the request through the outbox and the job to a mail server."""

import time

import pytest

from authsvc.settings import Mail, Registration
from tests.flows.in_process import ISSUER, PASSWORD, running_app, token_in
from tests.harness.smtp import fake_smtp


def test_a_letter_is_sent_at_once_and_its_link_makes_the_user(migrated_url, tmp_path):
    with fake_smtp() as server:
        mail = Mail(smtp_host="127.0.0.1", smtp_port=server.port, smtp_security="none", sender="login@example.test")
        with running_app(migrated_url, tmp_path, mail=mail, registration=Registration(confirm_mail=True)) as client:
            time.sleep(0.5)  # past the first look of the job: the letter below must wake it
            posted = {"username": "ana", "email": "ana@example.org"}
            assert client.http.post("/register", json=posted).status_code == 202
            (message,) = server.wait_for(1, seconds=25)  # By itself it looks every 30.
            assert (message["To"], message["From"]) == ("ana@example.org", "login@example.test")
            text = message.get_body(("plain",))
            assert text is not None
            assert f"{ISSUER}/ui/register/confirm?token=" in text.get_content()
            token = token_in(text.get_content())
            assert client.http.post("/register/confirm", json={"token": token, "password": PASSWORD}).status_code == 201
            deadline = time.monotonic() + 60
            while client.letters() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert client.letters() == []
        assert len(server.messages) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
def test_a_hostile_mail_server_delays_no_request(tmp_path, command):
    with fake_smtp() as server:
        server.replies[command] = "451 " + "x" * 100_000
        mail = Mail(smtp_host="127.0.0.1", smtp_port=server.port, smtp_security="none")
        with running_app(f"sqlite:///{tmp_path}/authsvc.db", tmp_path, mail=mail) as client:
            started = time.monotonic()
            client.register(email="ana@example.org")
            assert time.monotonic() - started < 30
            assert len(client.letters()) == 1
        assert server.messages == []
