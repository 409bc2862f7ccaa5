"""Letters by SMTP, over TLS whose certificate is verified unless the server is on this host.

Headers are set on `EmailMessage`, which refuses line breaks: nothing in an address or a subject adds a header.
"""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate
from typing import Literal
from uuid import UUID

from authsvc.domain.mail.outbox import Mail, MailFailed

Security = Literal["starttls", "tls", "none"]
_PERMANENT = 500
"""Replies from here on say: never (RFC 5321 §4.2.1)."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where letters are handed over. `timeout_seconds` bounds each step of the conversation."""

    host: str
    port: int
    security: Security
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    timeout_seconds: float = 10.0


class SmtpMailer:
    """Implements Mailer: one connection for each letter."""

    def __init__(self, server: SmtpServer, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._context = context or ssl.create_default_context()

    def send(self, letter_id: UUID, mail: Mail) -> None:
        """Hand a letter over. Raises: MailFailed, in words without addresses or texts."""
        try:
            message = compose(letter_id, mail, self._server.sender)
        except (MessageError, ValueError, IndexError) as error:
            raise MailFailed(f"no letter can be addressed so: {type(error).__name__}", is_final=True) from None
        connection = self._connect()
        try:
            connection.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise _refusal(error) from None
        finally:
            # Taken is taken: what goes wrong with the farewell must not send the letter again.
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()

    def _connect(self) -> smtplib.SMTP:
        try:
            return self._opened()
        except (smtplib.SMTPException, OSError) as error:
            raise MailFailed(_named(error), is_server=True) from None

    def _opened(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout_seconds, context=self._context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
        try:
            if server.security == "starttls":
                connection.starttls(context=self._context)
            if server.username is not None:
                connection.login(server.username, server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection


def compose(letter_id: UUID, mail: Mail, sender: str) -> EmailMessage:
    """Return the message. Raises: MessageError, ValueError, IndexError if an address or a header cannot be one."""
    origin = Address(addr_spec=sender)
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = origin
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    # The same at each attempt: a server that had taken the letter before knows it again.
    message["Message-ID"] = f"<{letter_id}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _refusal(error: Exception) -> MailFailed:
    """Return what the refusal of one letter means; without the server's words, which may name the address."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        return MailFailed(f"recipient refused: {code}", is_final=code >= _PERMANENT)
    if isinstance(error, smtplib.SMTPDataError):
        return MailFailed(f"letter refused: {error.smtp_code}", is_final=error.smtp_code >= _PERMANENT)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return MailFailed("the mail server takes no address beyond ASCII", is_final=True)
    return MailFailed(_named(error), is_server=True)


def _named(error: Exception) -> str:
    code = f": {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
    return f"{type(error).__name__}{code}"
