"""The decoder gives the same messages however the bytes were cut, and is never surprised by what comes."""

import itertools
import lzma
from collections import deque
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cti_server.asterisk.ami_codec import MAX_GREETING, MAX_MESSAGE, AmiDecoder, AmiKind, AmiMessage
from cti_server.errors import AmiProtocolError

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
TRANSCRIPT = Path(__file__).parents[2] / "fixtures" / "ami-500-calls.raw.xz"

NEWCHANNEL = (
    "Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk-00000000\r\nChannelState: 4\r\n"
    "CallerIDNum: 10086\r\nCallerIDName: 王小明\r\nAccountCode: \r\nUniqueid: pbx-a-1.0\r\n\r\n"
).encode()

keys = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,15}", fullmatch=True)
values = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=40)
names = st.from_regex(r"[A-Z][A-Za-z]{1,15}", fullmatch=True)
headers = st.lists(st.tuples(keys, values), max_size=8)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Split data at the given places, whatever they are."""
    borders = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


def decoded(data: bytes, *, wanted: frozenset[str] | None = None) -> list[AmiMessage]:
    return AmiDecoder(wanted).feed(GREETING + data)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[tuple[str, str, list[tuple[str, str]]]], bytes]:
    """Several messages and their bytes."""
    messages = draw(
        st.lists(st.tuples(st.sampled_from(["Event", "Response"]), names, headers), min_size=1, max_size=6)
    )
    data = b""
    for kind, name, pairs in messages:
        lines = [f"{kind}: {name}", *(f"{key}: {value}" for key, value in pairs)]
        data += ("\r\n".join(lines) + "\r\n\r\n").encode()
    return messages, data


@settings(suppress_health_check=[HealthCheck.too_slow])  # a loaded machine draws slowly
@given(streams(), st.lists(st.integers(0, 10_000), max_size=12))
def test_what_asterisk_writes_is_what_comes_out_however_it_was_cut(stream, places):
    expected, data = stream
    decoder = AmiDecoder()
    messages = [message for part in cut(GREETING + data, places) for message in decoder.feed(part)]
    seen = [(message.kind.capitalize(), message.name, list(message.pairs())) for message in messages]
    assert seen == expected
    assert decoder.version == "11.0.0"
    assert (decoder.malformed, decoder.invalid_utf8, decoder.skipped) == (0, 0, 0)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(streams())
def test_one_byte_at_a_time(stream):
    _, data = stream
    decoder = AmiDecoder()
    one_by_one = [message for byte in GREETING + data for message in decoder.feed(bytes([byte]))]
    assert one_by_one == decoded(data)


def test_headers_are_found_by_name():
    (message,) = decoded(NEWCHANNEL)
    assert (message.kind, message.name) == (AmiKind.EVENT, "Newchannel")
    assert message["CallerIDName"] == "王小明"
    assert message["Uniqueid"] == "pbx-a-1.0"
    assert message["AccountCode"] == ""
    assert message.get("Nothing") is None
    assert message.get("Nothing", "else") == "else"
    assert "Channel" in message
    assert "Chan" not in message
    assert message.get("Event") is None
    with pytest.raises(KeyError):
        message["Nothing"]


def test_a_header_is_not_found_inside_a_value():
    (message,) = decoded(b"Event: UserEvent\r\nUserEvent: x\r\nText: Uniqueid: 1\r\nUniqueid: 2\r\n\r\n")
    assert message["Uniqueid"] == "2"
    assert message["Text"] == "Uniqueid: 1"


def test_a_chinese_name_cut_inside_a_character_stays_whole():
    data = GREETING + NEWCHANNEL
    middle = data.index("小".encode()) + 1
    decoder = AmiDecoder()
    assert decoder.feed(data[:middle]) == []
    (message,) = decoder.feed(data[middle:])
    assert message["CallerIDName"] == "王小明"


def test_repeated_headers_and_variables():
    (message,) = decoded(
        b"Event: Status\r\nVariable: A=1\r\nVariable: B=x=y\r\nChanVariable: C=\r\nDestChanVariable: D=2\r\n"
        b"Output: one\r\nOutput: two\r\nVariable: broken\r\n\r\n"
    )
    assert message.variables() == {"A": "1", "B": "x=y", "C": ""}
    assert message.variables("Dest") == {"D": "2"}
    assert message.get_all("Output") == ["one", "two"]
    assert message["Output"] == "one"


def test_only_wanted_events_and_answers_are_decoded():
    stream = NEWCHANNEL + b"Event: VarSet\r\nValue: \xff\r\n\r\nResponse: Success\r\nActionID: 1\r\n\r\n"
    listed = b"Event: CoreShowChannel\r\nActionID: 1\r\nUniqueid: 7\r\n\r\n"
    decoder = AmiDecoder(frozenset({"Newchannel"}))
    messages = decoder.feed(GREETING + stream + listed)
    assert [message.name for message in messages] == ["Newchannel", "Success", "CoreShowChannel"]
    assert decoder.skipped == 1


def test_bytes_that_are_no_utf8_are_replaced_and_counted():
    decoder = AmiDecoder()
    message, other = decoder.feed(GREETING + b"Event: X\r\nName: a\xffb\r\n\r\n" + NEWCHANNEL)
    assert message["Name"] == "a\ufffdb"
    assert other["CallerIDName"] == "王小明"
    assert decoder.invalid_utf8 == 1


def test_empty_lines_too_many_and_unknown_messages_do_no_harm():
    decoder = AmiDecoder()
    messages = decoder.feed(GREETING + b"\r\n\r\n\r\n" + NEWCHANNEL + b"Nonsense\r\n\r\n" + NEWCHANNEL)
    assert [message.name for message in messages] == ["Newchannel", "Newchannel"]
    assert decoder.malformed == 1


@pytest.mark.parametrize(
    "beginning",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\r\n",
        b"Asterisk Call Manager\r\n",
        b"Asterisk Call Manager/\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"Asterisk Call Manager/" + b"1" * MAX_GREETING,
        bytes(64),
    ],
)
def test_another_greeting_is_refused(beginning):
    with pytest.raises(AmiProtocolError):
        AmiDecoder().feed(beginning)


@pytest.mark.parametrize("step", [100_000, MAX_MESSAGE * 2])
def test_a_message_too_large_is_refused_however_it_comes(step):
    data = GREETING + b"Event: X\r\nA: " + b"a" * MAX_MESSAGE + b"\r\n\r\n"
    decoder = AmiDecoder()
    with pytest.raises(AmiProtocolError):
        deque(map(decoder.feed, (data[start : start + step] for start in range(0, len(data), step))))


def test_a_repr_shows_no_number():
    (message,) = decoded(NEWCHANNEL)
    assert "10086" not in repr(message)


@given(names, headers)
def test_a_message_made_by_hand_reads_like_one_received(name, pairs):
    fields = dict(pairs)
    made = AmiMessage.event(name, fields)
    assert made.headers() == fields
    assert all(made[key] == value for key, value in fields.items())


def test_the_recorded_calls():
    data = lzma.decompress(TRANSCRIPT.read_bytes())
    whole, cut_up = AmiDecoder(), AmiDecoder()
    messages = whole.feed(data)
    again = [m for start in range(0, len(data), 1447) for m in cut_up.feed(data[start : start + 1447])]
    assert again == messages
    assert len(messages) == 43_999
    assert sum(message.name == "Hangup" for message in messages) == 1000
    assert all("Uniqueid" in message for message in messages if message.name == "Newchannel")
    assert (whole.malformed, whole.invalid_utf8) == (0, 0)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [b"\r\n", b"\r\n\r\n", b"Event: ", b"Response: ", b"ActionID: ", b": ", GREETING]
            ),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_garbage_never_surprises(parts, greeted):
    decoder = AmiDecoder(frozenset({"Newchannel"}), max_message=512)
    try:
        if greeted:
            decoder.feed(GREETING)
        for part in parts:
            for message in decoder.feed(part):
                message.headers()
                message.variables()
                message.get("ActionID")
    except AmiProtocolError:
        pass
