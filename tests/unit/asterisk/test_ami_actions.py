"""Actions over the link: answers, refusals, deadlines, a lost link, the gate before each write."""

import asyncio

import pytest

from cti_server.asterisk.ami_client import AmiState
from cti_server.errors import AmiInvalidField, AmiRefused, AmiTimeout, AmiUnavailable, CtiError
from tests.fakes.ami_server import Received, fake_ami
from tests.unit.asterisk.ami_watcher import Watcher, nothing_pending, running, up


async def test_an_action_and_its_answer():
    async with up() as (fake, _, client):
        fake.answers["Getvar"] = lambda to, action: to.answer(action, Value="7")
        answer = await client.action("Getvar", {"Variable": "X"})
        assert answer["Value"] == "7"
        received = await fake.received_action("Getvar")
        assert received.headers["Variable"] == "X"
        assert received.headers["ActionID"] == answer["ActionID"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("QueueAdd", "Added interface to queue"),
        ("Originate", "Originate successfully queued"),
        ("Redirect", "Dual Redirect successful"),
        ("Setvar", "this text says a list will follow"),
    ],
)
async def test_an_action_completes_whatever_its_answer_says(name, message):
    async with up() as (fake, _, client):
        fake.answers[name] = lambda to, action: to.answer(action, Message=message)
        answers = [await client.action(name, {"Async": flag}) for flag in (True, False)]
        assert [answer["Message"] for answer in answers] == [message, message]
        assert await client.action("Ping")


async def test_a_refusal_carries_asterisks_words():
    async with up() as (fake, _, client):
        fake.answers["Hangup"] = lambda to, action: to.answer(action, "Error", Message="No such channel")
        with pytest.raises(AmiRefused, match="No such channel") as refused:
            await client.action("Hangup", {"Channel": "x"})
        assert (refused.value.code, refused.value.retryable) == ("pbx_refused", False)


async def test_an_injection_is_refused_and_nothing_is_written():
    async with up() as (fake, _, client):
        for fields in ({"Reason": "x\r\n\r\nAction: Command"}, {"Action": "Command"}, {"ActionID": "1"}):
            with pytest.raises(AmiInvalidField):
                await client.action("QueuePause", fields)
        await client.action("Getvar")
        assert fake.names() == ["Getvar"]


async def test_without_a_link_nothing_is_written():
    async with fake_ami() as fake:
        fake.boots = False
        async with running(fake, Watcher()) as client:
            await fake.until(lambda: bool(fake.received))
            with pytest.raises(AmiUnavailable) as refused:
                await client.action("Hangup")
            assert refused.value.retryable
            assert fake.names() == []


async def test_a_deadline_leaves_the_outcome_unknown_and_the_link_up():
    async with up() as (fake, watcher, client):
        late: list[Received] = []
        fake.answers["Originate"] = lambda _, action: late.append(action)
        with pytest.raises(AmiTimeout) as overdue:
            await client.action("Originate", timeout=0.05)
        assert (overdue.value.code, overdue.value.detail["cause"]) == ("outcome_unknown", "deadline")
        assert not overdue.value.retryable
        fake.last.answer(late[0])
        await client.action("Hangup")
        assert client.state is AmiState.UP
        assert watcher.told == ["up"]


async def test_a_lost_link_leaves_the_outcome_unknown_and_nothing_is_sent_again():
    async with up() as (fake, watcher, client):
        fake.answers["Originate"] = lambda to, _: to.cut()
        with pytest.raises(AmiTimeout) as lost:
            await client.action("Originate", {"Channel": "PJSIP/1001"})
        assert lost.value.detail["cause"] == "link_lost"
        await watcher.until(lambda: watcher.told.count("up") == 2 and client.state is AmiState.UP)
        await client.action("Getvar")
        assert fake.names() == ["Originate", "Getvar"]
        assert fake.names(2) == ["Getvar"]


async def test_a_caller_who_gives_up_leaves_nothing_behind():
    async with up() as (fake, _, client):
        fake.silent.add("Originate")
        caller = asyncio.create_task(client.action("Originate"))
        await fake.received_action("Originate")
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()
        await client.action("Hangup")
        assert nothing_pending(client)


async def test_action_ids_differ_between_clients():
    async with up() as (fake, _, client), running(fake, Watcher()) as other:
        await fake.until(lambda: len(fake.connections) == 2)
        await Watcher().until(lambda: other.connected)
        ids = [(await one.action("Ping"))["ActionID"] for one in (client, other, client)]
        assert len({one.partition("-")[0] for one in ids}) == 2


class NotLeaderError(CtiError):
    pass


async def test_the_gate_stands_before_every_write_and_not_before_reading():
    passed: list[str] = []

    def gate() -> None:
        passed.append("asked")
        raise NotLeaderError

    async with up(gate=gate) as (fake, _, client):
        for name in ("Originate", "Hangup", "Setvar", "Bridge", "Redirect", "UserEvent", "Unheard"):
            with pytest.raises(NotLeaderError):
                await client.action(name)
        with pytest.raises(NotLeaderError):
            await client.list_action("Originate")
        assert len(passed) == 8
        await client.action("Getvar")
        await client.action("Ping")
        await client.list_action("Status")
        assert len(passed) == 8
        assert fake.names() == ["Getvar", "Status"]
