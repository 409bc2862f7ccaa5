import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authsvc.domain.mail.outbox import Mail, MailFailed
from authsvc.outbound.mail import SmtpMailer, SmtpServer, compose
from tests.harness import postgres
from tests.harness.smtp import FakeSmtp, fake_smtp

LETTER_ID = UUID(int=7)
MAIL = Mail("ana@example.org", "A subject", "The text: 1 < 2\n", "<p>The text: 1 &lt; 2</p>\n")


@pytest.fixture
def server() -> Iterator[FakeSmtp]:
    with fake_smtp() as fake:
        yield fake


def settings(fake: FakeSmtp, **changed) -> SmtpServer:
    plain = SmtpServer("localhost", fake.port, "none", None, None, "authsvc@login.example.org", timeout_seconds=30)
    return replace(plain, **changed)


def part(message: EmailMessage, kind: Literal["plain", "html"]) -> str:
    """One of the two texts of a letter, with the line ends of a text."""
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_letter_arrives_as_text_and_html(server):
    SmtpMailer(settings(server)).send(LETTER_ID, MAIL)
    (message,) = server.messages
    assert (message["From"], message["To"]) == ("authsvc@login.example.org", "ana@example.org")
    assert message["Subject"] == "A subject"
    assert message["Message-ID"] == f"<{LETTER_ID}@login.example.org>"
    assert part(message, "plain") == MAIL.text
    assert part(message, "html") == MAIL.html


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_server_that_is_away_fails_for_now(security):
    gone = SmtpServer("127.0.0.1", postgres.free_port(), security, None, None, "authsvc@example.org", 2)
    with pytest.raises(MailFailed) as refused:
        SmtpMailer(gone).send(LETTER_ID, MAIL)
    assert (refused.value.is_final, refused.value.is_server) == (False, True)


@pytest.mark.parametrize(
    ("replies", "is_final", "is_server"),
    [
        pytest.param({"RCPT": "550 no such mailbox ana@example.org"}, True, False, id="no-such-mailbox"),
        pytest.param({"RCPT": "450 greylisted ana@example.org"}, False, False, id="greylisted"),
        pytest.param({"END": "554 looks like spam"}, True, False, id="letter-refused"),
        pytest.param({"END": "452 disk full"}, False, False, id="letter-not-now"),
        pytest.param({"MAIL": "550 bad sender"}, False, True, id="sender-refused"),
        pytest.param({"DATA": "421 closing"}, False, False, id="no-data"),
    ],
)
def test_a_refusal_says_whether_to_try_again_and_never_names_the_address(server, replies, is_final, is_server):
    server.replies.update(replies)
    with pytest.raises(MailFailed) as refused:
        SmtpMailer(settings(server)).send(LETTER_ID, MAIL)
    assert (refused.value.is_final, refused.value.is_server) == (is_final, is_server)
    assert "ana" not in str(refused.value)
    assert server.messages == []


def test_wrong_credentials_are_the_servers_business(server):
    server.replies["AUTH"] = "535 no"
    with pytest.raises(MailFailed) as refused:
        SmtpMailer(settings(server, username="authsvc", password="hidden")).send(LETTER_ID, MAIL)
    assert refused.value.is_server
    assert "hidden" not in str(refused.value)


def test_a_letter_that_was_taken_is_taken_whatever_the_farewell(server):
    server.replies["QUIT"] = "500 what"
    SmtpMailer(settings(server)).send(LETTER_ID, MAIL)
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(replace(MAIL, subject="x\r\nBcc: evil@example.com"), id="subject-crlf"),
        pytest.param(replace(MAIL, subject="x\nBcc: evil@example.com"), id="subject-lf"),
        pytest.param(replace(MAIL, recipient="a@example.org\r\nBcc: evil@example.com"), id="recipient-crlf"),
        pytest.param(replace(MAIL, recipient="a@example.org\nBcc: evil@example.com"), id="recipient-lf"),
        pytest.param(replace(MAIL, recipient="a@example.org, evil@example.com"), id="two-recipients"),
        pytest.param(replace(MAIL, recipient="a@example.org> <evil@example.com"), id="angle-brackets"),
        pytest.param(replace(MAIL, recipient="a@example.org\x00"), id="nul"),
        pytest.param(replace(MAIL, recipient="@"), id="no-address"),
        pytest.param(replace(MAIL, recipient=""), id="empty"),
    ],
)
def test_nothing_in_a_letter_adds_a_header_or_a_recipient(server, mail):
    with pytest.raises(MailFailed) as refused:
        SmtpMailer(settings(server)).send(LETTER_ID, mail)
    assert refused.value.is_final
    assert "evil" not in str(refused.value)
    assert [command for command in server.commands if "evil" in command] == []
    assert [message for message in server.messages if message["Bcc"]] == []


def test_a_dot_at_the_begin_of_a_line_does_not_end_the_letter(server):
    SmtpMailer(settings(server)).send(LETTER_ID, replace(MAIL, text="one\n.\nRCPT TO:<evil@example.com>\n"))
    (message,) = server.messages
    assert part(message, "plain") == "one\n.\nRCPT TO:<evil@example.com>\n"


def test_every_header_of_a_composed_letter_is_ours():
    message = compose(LETTER_ID, MAIL, "authsvc@example.org")
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip


def certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of its own for `name`, and the file that makes it trusted."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, private = directory / "chain.pem", directory / "private.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context, chain


@pytest.mark.parametrize(
    ("name", "is_trusted", "arrives"),
    [
        pytest.param("localhost", True, True, id="trusted"),
        pytest.param("localhost", False, False, id="unknown-authority"),
        pytest.param("mail.example.org", True, False, id="another-name"),
    ],
)
def test_starttls_hands_letters_only_to_the_server_that_was_meant(tmp_path, name, is_trusted, arrives):
    context, chain = certificate(tmp_path, name)
    client = ssl.create_default_context(cafile=str(chain) if is_trusted else None)
    with fake_smtp(context) as server:
        mailer = SmtpMailer(settings(server, security="starttls", username="authsvc", password="hidden"), client)
        if arrives:
            mailer.send(LETTER_ID, MAIL)
        else:
            with pytest.raises(MailFailed) as refused:
                mailer.send(LETTER_ID, MAIL)
            assert refused.value.is_server
        assert bool(server.messages) is arrives
        assert any(command.startswith("AUTH") for command in server.commands) is arrives


def test_a_server_without_starttls_gets_no_letter_when_it_is_required(server):
    with pytest.raises(MailFailed) as refused:
        SmtpMailer(settings(server, security="starttls")).send(LETTER_ID, MAIL)
    assert refused.value.is_server
    assert server.messages == []
