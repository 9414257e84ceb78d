"""Messages to a real SMTP server and a real HTTP provider: nothing lost, nothing twice, on both databases."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import structlog

from cti_server.messaging.dispatcher import Dispatcher
from cti_server.messaging.errors import MessageRepeated
from cti_server.messaging.model import ATTEMPTS, Medium, Message, MessageState, Sender
from cti_server.messaging.sms import HttpSms, SmsProvider
from cti_server.messaging.smtp import SmtpSender, SmtpServer
from cti_server.store.database import Database
from cti_server.store.messages import StoredMessages
from cti_server.store.schema import upgrade
from tests.support.certificates import Authority
from tests.support.providers import MailServer, SmsServer, mail_server, sms_server

TO, NUMBER = "zhang.wei@bank.example", "13800138000"


@dataclass
class Post:
    """Everything between a wish and a provider."""

    kept: StoredMessages
    mail: MailServer
    sms: SmsServer
    senders: dict[Medium, Sender]

    def dispatcher(self, gate: Callable[[], None] = lambda: None) -> Dispatcher:
        return Dispatcher(self.kept, self.senders, gate, pauses=lambda _: 0.0)

    async def wish(self, medium: Medium, request_id: str = "r1", body: str = "明天见\nsee you") -> Message:
        address = TO if medium is Medium.EMAIL else NUMBER
        wanted = {"medium": medium.value, "address": address, "subject": "预约", "body": body}
        return await self.kept.keep({**wanted, "contact_id": "c1"}, "1001", f"{request_id} {medium}")

    async def state(self, message: Message) -> tuple[str, int, str]:
        found = await self.kept.message(message.message_id)
        return found.state.value, found.attempts, found.why


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    await upgrade(database_url)
    database = Database(database_url, deadline=15)
    async with mail_server() as mail, sms_server() as sms:
        body = {"to": "{number}", "parts": ["{text}", {"id": "{message_id}"}], "kind": 1}
        senders: dict[Medium, Sender] = {
            Medium.EMAIL: SmtpSender(
                SmtpServer("127.0.0.1", mail.port, "none", "bank@bank.example", "", "cti", "secret")
            ),
            Medium.SMS: HttpSms(SmsProvider(sms.url, "POST", body, "X-Key", "Bearer hidden")),
        }
        yield Post(StoredMessages(database), mail, sms, senders)
    await database.close()


async def test_an_email_arrives_once_as_it_was_written(post: Post) -> None:
    message = await post.wish(Medium.EMAIL)
    assert await post.wish(Medium.EMAIL) == message
    with pytest.raises(MessageRepeated):
        await post.wish(Medium.EMAIL, body="something else")
    assert await post.dispatcher().round() == 1
    assert await post.dispatcher().round() == 0
    assert await post.state(message) == ("sent", 1, "")
    (mail,) = post.mail.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == (TO, "bank@bank.example", "预约")
    assert mail["Message-ID"] == f"<{message.message_id}@bank.example>"
    assert mail.get_content().splitlines() == ["明天见", "see you"]
    assert [one.message_id for one in await post.kept.of_contact("c1")] == [message.message_id]


@pytest.mark.parametrize(
    ("answer", "state", "attempts", "arrived"),
    [
        ("recipient 450 later", "sent", 2, 1),
        ("data 451 later", "sent", 2, 1),
        ("recipient 550 nobody", "failed", 1, 0),
        ("data 554 no", "failed", 1, 0),
        ("cut", "unknown", 1, 1),
    ],
)
async def test_what_a_mail_server_may_say(
    post: Post, answer: str, state: str, attempts: int, arrived: int
) -> None:
    post.mail.answers.append(answer)
    message = await post.wish(Medium.EMAIL)
    for _ in range(3):
        await post.dispatcher().round()
    assert (await post.state(message))[:2] == (state, attempts)
    assert len(post.mail.mails) == arrived


async def test_an_sms_carries_its_key_and_the_secret(post: Post) -> None:
    post.sms.answers.extend([503, 0, 429])
    message = await post.wish(Medium.SMS, body="code {number}")
    for _ in range(5):
        await post.dispatcher().round()
    assert await post.state(message) == ("sent", 4, "")
    assert len(post.sms.taken) == 4
    assert {headers["idempotency-key"] for headers, _ in post.sms.taken} == {message.message_id}
    headers, body = post.sms.taken[-1]
    assert headers["x-key"] == "Bearer hidden"
    assert body == {"to": NUMBER, "parts": ["code {number}", {"id": message.message_id}], "kind": 1}


async def test_what_never_works_is_given_up(post: Post) -> None:
    post.sms.answers.extend([500] * ATTEMPTS)
    message, refused = await post.wish(Medium.SMS), await post.wish(Medium.EMAIL)
    post.senders[Medium.EMAIL] = SmtpSender(SmtpServer("127.0.0.1", 1, "none", "bank@bank.example"))
    for _ in range(ATTEMPTS + 2):
        await post.dispatcher().round()
    assert await post.state(message) == ("failed", ATTEMPTS, "http_500")
    assert await post.state(refused) == ("failed", ATTEMPTS, "connectionrefusederror")
    assert len(post.sms.taken) == ATTEMPTS


async def test_a_server_that_dies_in_the_middle(post: Post) -> None:
    """What it had only claimed is sent; a mail that may have arrived is not sent again, an SMS is."""
    claimed = await post.wish(Medium.EMAIL, "claimed")
    await post.kept.claim(frozenset(Medium), 10)
    half = [await post.wish(medium, "half") for medium in Medium]
    for message in await post.kept.claim(frozenset(Medium), 10):
        await post.kept.handing_over(message)
    assert await post.dispatcher().round() == 0
    await post.kept.recover(frozenset({Medium.SMS}))
    await post.dispatcher().round()
    assert (await post.state(claimed))[0] == "sent"
    assert [(await post.state(message))[0] for message in half] == ["unknown", "sent"]
    assert len(post.mail.mails) == 1


async def test_a_server_that_does_not_lead_hands_nothing_over(post: Post) -> None:
    def deposed() -> None:
        raise MessageRepeated

    message = await post.wish(Medium.EMAIL)
    await post.dispatcher(deposed).round()
    assert (await post.state(message))[0] == MessageState.CLAIMED
    assert post.mail.mails == []


async def test_no_address_in_a_log(post: Post) -> None:
    told = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(told)
    )
    try:
        post.mail.answers.append("recipient 550 no such zhang.wei@bank.example")
        post.sms.answers.append(400)
        for medium in Medium:
            await post.wish(medium)
        await post.dispatcher().round()
    finally:
        structlog.reset_defaults()
    assert "message.not_sent" in told.getvalue()
    assert "zhang" not in told.getvalue()
    assert NUMBER not in told.getvalue()


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_email_over_tls(post: Post, tmp_path: Path, security: Literal["tls", "starttls"]) -> None:
    """To a server whose certificate the bank's own authority has signed, and to no other."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    shown = (
        stranger.server("127.0.0.1"),
        authority.server("127.0.0.2"),
        authority.server("127.0.0.1", over=True),
        authority.server("127.0.0.1"),
    )
    message = await post.wish(Medium.EMAIL)
    for attempt, context in enumerate(shown, start=1):
        async with mail_server(security, context) as mail:
            server = SmtpServer(
                "127.0.0.1", mail.port, security, "bank@bank.example", str(authority.file), "cti", "secret"
            )
            post.senders[Medium.EMAIL] = SmtpSender(server)
            await post.dispatcher().round()
            refused = attempt < len(shown)
            expected = ("waiting", attempt, "certificate_refused") if refused else ("sent", attempt, "")
            assert await post.state(message) == expected
            assert len(mail.mails) == (not refused)


async def test_a_server_without_tls_is_told_nothing(post: Post) -> None:
    post.senders[Medium.EMAIL] = SmtpSender(
        SmtpServer("127.0.0.1", post.mail.port, "starttls", "bank@bank.example", "", "cti", "secret")
    )
    message = await post.wish(Medium.EMAIL)
    await post.dispatcher().round()
    assert await post.state(message) == ("waiting", 1, "starttls_or_login_not_offered")
    assert post.mail.mails == []
