"""Settings to ways out, and what goes over the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from cti_server.bootstrap.outgoing import senders
from cti_server.messaging.model import (
    LONGEST_PAUSE,
    Medium,
    Message,
    MessageState,
    email_address,
    masked_address,
    pause,
)
from cti_server.messaging.sms import HttpSms, filled
from cti_server.messaging.smtp import SmtpSender, composed
from cti_server.settings import Settings

MESSAGE = Message(
    message_id="message-1",
    medium=Medium.EMAIL,
    address="zhang@bank.example",
    subject="预约" * 30,
    body="明天\n.\n再见",
    contact_id="",
    created_by="1001",
    created_at=datetime(2026, 11, 21, 8, tzinfo=UTC),
    state=MessageState.CLAIMED,
    attempts=1,
    why="",
    sent_at=None,
)


def test_nothing_is_set_up_by_default() -> None:
    assert senders(Settings()) == {}


def test_secrets_come_from_files(tmp_path: Path) -> None:
    password, key = tmp_path / "password", tmp_path / "key"
    password.write_text("secret\n")
    key.write_text("Bearer hidden\n")
    found = senders(
        Settings(
            smtp_host="127.0.0.1",
            smtp_from="bank@bank.example",
            smtp_user="cti",
            smtp_password_file=password,
            sms_url="https://sms.example/send",
            sms_secret_file=key,
        )
    )
    mail, sms = found[Medium.EMAIL], found[Medium.SMS]
    assert isinstance(mail, SmtpSender)
    assert isinstance(sms, HttpSms)
    assert (mail._server.password, sms._provider.secret) == ("secret", "Bearer hidden")
    assert "secret" not in repr(mail._server)
    assert "hidden" not in repr(sms._provider)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"smtp_host": "127.0.0.1", "smtp_from": "nobody"}, ValueError),
        ({"sms_url": "https://sms.example", "sms_secret_file": "/nowhere/at/all"}, OSError),
    ],
)
def test_what_cannot_work_is_said_at_the_start(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        senders(Settings(**given))


def test_a_mail_as_it_goes_out() -> None:
    mail = message_from_bytes(composed(MESSAGE, "bank@bank.example"), policy=policy.default)
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Message-ID"] == "<message-1@bank.example>"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_what_is_filled_in_is_no_template() -> None:
    values = {"number": "{text}", "text": "{message_id}", "message_id": "m"}
    template = {"a": ["{number} {text}", 1, None], "{text}": "{other}"}
    assert filled(template, values) == {"a": ["{text} {message_id}", 1, None], "{text}": "{other}"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" zhang.wei@bank.example ", "zhang.wei@bank.example"),
        ("a@b.cn", "a@b.cn"),
        ("a@b", ""),
        ("a b@bank.example", ""),
        ("张@bank.example", ""),
        ("a@bank.example\nBcc: x@bank.example", ""),
        ("a..b@bank.example", ""),
        ("Zhang <a@bank.example>", ""),
        ("a" * 250 + "@bank.example", ""),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert email_address(text) == address


def test_masks_and_pauses() -> None:
    assert masked_address("zhang@bank.example") == "z***@bank.example"
    assert [pause(n) for n in (1, 2, 3, 20)] == [5.0, 10.0, 20.0, LONGEST_PAUSE]
