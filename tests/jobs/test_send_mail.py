import logging
import threading
from uuid import uuid4

import pytest

from authsvc.crypto.envelope import new_master_key_line, parse_master_keys
from authsvc.domain.mail.outbox import Mail, MailFailed
from authsvc.domain.mail.postbox import Postbox
from authsvc.jobs import send_mail
from authsvc.jobs.send_mail import MailRoom, sending_mail
from authsvc.observe.metrics import create_metrics
from authsvc.outbound.mail import SmtpMailer, SmtpServer
from tests.harness.smtp import fake_smtp

MAIL = Mail("ana@example.org", "A subject", "text\n", "<p>html</p>\n")
RUNNING = threading.Event()


class Mailer:
    """A mail server as the sender sees it; `failures` are raised first."""

    def __init__(self, *failures: MailFailed) -> None:
        self.failures = list(failures)
        self.sent: list[tuple[object, Mail]] = []
        self.attempts = 0

    def send(self, letter_id, mail):
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((letter_id, mail))


@pytest.fixture
def post(storage, tenant_id, clock, master_keys):
    def add(mail: Mail = MAIL) -> None:
        uow = storage.unit_of_work(tenant_id)
        uow.begin()
        Postbox(master_keys).post(mail, uow, clock())
        uow.commit()
        uow.close()

    return add


@pytest.fixture
def room(storage, clock, master_keys):
    def with_mailer(mailer) -> MailRoom:
        return MailRoom(storage, Postbox(master_keys), mailer, create_metrics("1", ()), clock)

    return with_mailer


@pytest.fixture
def waiting(storage, tenant_id):
    def letters():
        uow = storage.unit_of_work(tenant_id)
        try:
            return uow.outbox.list(None, 100)
        finally:
            uow.close()

    return letters


def counted(room, outcome):
    rendered = room.metrics.render().decode()
    return f'authsvc_mail_sent_total{{outcome="{outcome}"}}' in rendered


def test_a_letter_is_sent_once_and_forgotten(room, post, waiting):
    post()
    mailer = Mailer()
    prepared = room(mailer)
    assert sending_mail(prepared)(RUNNING) is False
    assert [mail for _, mail in mailer.sent] == [MAIL]
    assert waiting() == ()
    assert counted(prepared, "sent")
    sending_mail(prepared)(RUNNING)
    assert mailer.attempts == 1


def test_a_letter_leaves_through_a_real_conversation(room, post, waiting):
    post()
    with fake_smtp() as server:
        mailer = SmtpMailer(SmtpServer("127.0.0.1", server.port, "none", None, None, "authsvc@example.org"))
        sending_mail(room(mailer))(RUNNING)
        assert [message["To"] for message in server.messages] == ["ana@example.org"]
    assert waiting() == ()


def test_a_letter_that_was_not_taken_is_tried_later_each_time_and_then_dropped(room, post, waiting, clock, caplog):
    post()
    mailer = Mailer(*[MailFailed("SMTPConnectError: 421", is_server=True)] * 20)
    job = sending_mail(room(mailer))
    waits = []
    for attempt in range(1, send_mail.MOST_ATTEMPTS):
        job(RUNNING)
        (letter,) = waiting()
        assert (letter.attempts, mailer.attempts) == (attempt, attempt)
        waits.append(round((letter.send_after - clock()).total_seconds()))
        job(RUNNING)
        assert mailer.attempts == attempt, "tried before its time"
        clock.move(seconds=waits[-1] + 1)
    assert waits[:4] == [30, 60, 120, 240]
    assert waits == sorted(waits)
    assert max(waits) <= send_mail.LONGEST_RETRY_SECONDS
    job(RUNNING)
    assert waiting() == ()
    assert mailer.attempts == send_mail.MOST_ATTEMPTS


def test_a_letter_that_can_never_arrive_is_dropped_at_once_and_stops_no_other(room, post, waiting, caplog):
    post(Mail("gone@example.org", "s", "the-secret-text", "the-secret-text"))
    post()
    mailer = Mailer(MailFailed("recipient refused: 550", is_final=True))
    with caplog.at_level(logging.INFO, "authsvc"):
        prepared = room(mailer)
        sending_mail(prepared)(RUNNING)
    assert waiting() == ()
    assert mailer.attempts == 2
    assert counted(prepared, "dropped")
    (dropped,) = [record for record in caplog.records if getattr(record, "event", "") == "mail_dropped"]
    told = str(vars(dropped))
    assert "550" in told
    assert "gone@" not in told
    assert "the-secret-text" not in told


def test_a_server_that_is_away_is_not_asked_for_every_letter(room, post, waiting):
    for _ in range(5):
        post()
    mailer = Mailer(*[MailFailed("TimeoutError", is_server=True)] * 5)
    sending_mail(room(mailer))(RUNNING)
    assert mailer.attempts == 1
    assert len(waiting()) == 5


def test_a_letter_that_is_too_old_is_dropped_unsent(room, post, waiting, clock):
    post()
    clock.move(seconds=send_mail.OLDEST_SECONDS + 1)
    mailer = Mailer()
    sending_mail(room(mailer))(RUNNING)
    assert (mailer.attempts, waiting()) == (0, ())


def test_a_letter_under_a_missing_master_key_waits(room, post, waiting, storage, clock):
    post()
    mailer = Mailer()
    other = MailRoom(storage, Postbox(parse_master_keys(new_master_key_line())), mailer, create_metrics("1", ()), clock)
    sending_mail(other)(RUNNING)
    assert mailer.attempts == 0
    assert len(waiting()) == 1


def test_without_a_server_letters_stay_and_a_line_says_so(room, post, waiting, caplog):
    post(Mail("ana@example.org", "s", "as_ml_secret", "as_ml_secret"))
    prepared = room(None)
    with caplog.at_level(logging.INFO, "authsvc"):
        assert sending_mail(prepared)(RUNNING) is False
    assert [getattr(record, "event", "") for record in caplog.records] == ["mail_waits"]
    assert "as_ml_secret" not in str([vars(record) for record in caplog.records])
    assert len(waiting()) == 1
    assert send_mail.every_seconds(prepared) == float("inf")


def test_many_letters_are_sent_in_pieces(room, post, waiting):
    for _ in range(25):
        post()
    mailer = Mailer()
    job = sending_mail(room(mailer))
    assert job(RUNNING) is True
    assert len(waiting()) == 5
    assert job(RUNNING) is False
    assert waiting() == ()


def test_a_stop_ends_the_work_between_two_letters(room, post, waiting):
    post()
    stopping = threading.Event()
    stopping.set()
    assert sending_mail(room(Mailer()))(stopping) is False
    assert len(waiting()) == 1


def test_letters_of_every_tenant_are_sent(room, post, storage, clock, master_keys):
    post()
    stranger = storage.unit_of_work(uuid4())
    stranger.begin()
    Postbox(master_keys).post(MAIL, stranger, clock())
    stranger.commit()
    stranger.close()
    mailer = Mailer()
    sending_mail(room(mailer))(RUNNING)
    assert len(mailer.sent) == 2
