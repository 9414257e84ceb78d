"""The AGI codec reads what Asterisk writes, however it was cut, and writes nothing ambiguous."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti_server.asterisk.agi_codec import (
    MAX_COMMAND,
    MAX_LINE,
    MAX_LINES,
    AgiDecoder,
    AgiEnvironment,
    AgiHangupNotice,
    AgiItem,
    AgiReply,
    encode_command,
)
from cti_server.errors import AgiInvalidArgument, AgiProtocolError

ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: route?x=1\nagi_request: agi://127.0.0.1:4573/route?x=1\n"
    b"agi_channel: PJSIP/trunk-00000001\nagi_language: zh_CN\nagi_type: PJSIP\nagi_uniqueid: pbx-a-1.7\n"
    b"agi_version: 22.10.1\nagi_callerid: 10086\nagi_calleridname: \xe7\x8e\x8b\nagi_dnid: unknown\n"
    b"agi_context: cti-entry\nagi_extension: s\nagi_priority: 4\nagi_accountcode: \nagi_arg_1: one\n"
    b"agi_arg_2: two: three\n\n"
)


def decoder() -> AgiDecoder:
    """One that has the environment."""
    made = AgiDecoder()
    made.feed(ENVIRONMENT)
    return made


def test_the_environment():
    (environment,) = AgiDecoder().feed(ENVIRONMENT)
    assert isinstance(environment, AgiEnvironment)
    assert environment.script == "route"
    assert environment.arguments == ["one", "two: three"]
    assert environment.values["accountcode"] == ""
    assert environment.values["calleridname"] == "王"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"200 result=1\n", AgiReply(200, "1")),
        (b"200 result=0\n", AgiReply(200, "0")),
        (b"200 result=-1\n", AgiReply(200, "-1")),
        (b"200 result=1 (4000)\n", AgiReply(200, "1", "4000")),
        (b"200 result=1 ()\n", AgiReply(200, "1", "")),
        (b"200 result=1 (a (b) c)\n", AgiReply(200, "1", "a (b) c")),
        (b"200 result=12 (timeout)\n", AgiReply(200, "12", "timeout")),
        (b"200 result= (timeout)\n", AgiReply(200, "", "timeout")),
        (b"200 result=49 endpos=1600\n", AgiReply(200, "49", None, 1600)),
        (b"200 result=*12#\n", AgiReply(200, "*12#")),
        (b"510 Invalid or unknown command\n", AgiReply(510)),
        (b"511 Command Not Permitted on a dead channel or intercept routine\n", AgiReply(511)),
        (b"520-Invalid command syntax.\n Usage: X\n200 result=1\n520 End of proper usage.\n", AgiReply(520)),
        (b"520 Invalid command syntax.  Proper usage not available.\n", AgiReply(520)),
        (b"100 Trying\n200 result=1\n", AgiReply(200, "1")),
    ],
)
def test_answers(line, reply):
    assert decoder().feed(line) == [reply]


def test_a_value_with_line_breaks_is_one_answer():
    assert decoder().feed(b"200 result=1 (one\nHANGUP\ntwo)\n") == [AgiReply(200, "1", "one\nHANGUP\ntwo")]


def test_a_hangup_between_answers():
    assert decoder().feed(b"200 result=1\nHANGUP\n200 result=0\n") == [
        AgiReply(200, "1"),
        AgiHangupNotice(),
        AgiReply(200, "0"),
    ]


@given(st.lists(st.integers(0, 2000), max_size=12))
def test_however_it_is_cut(places):
    data = ENVIRONMENT + b"200 result=1 (x\ny)\nHANGUP\n520-a\nb\n520 c\n511 d\n"
    borders = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    made = AgiDecoder()
    items: list[AgiItem] = []
    for start, end in itertools.pairwise(borders):
        items += made.feed(data[start:end])
    assert items == AgiDecoder().feed(data)
    assert len(items) == 5


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"agi_network yes\n",
        b"\n",
        b"AGI_x: 1\n",
        b"agi_x: 1\nother: 2\n",
        b"agi_" + b"x" * MAX_LINE,
        b"".join(b"agi_x%d: 1\n" % number for number in range(MAX_LINES + 1)),
    ],
)
def test_what_is_no_environment_is_refused(data):
    with pytest.raises(AgiProtocolError):
        AgiDecoder().feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n",
        b"200 OK\n",
        b"200 result=1 trailing\n",
        b"x" * (MAX_LINE + 1),
        b"520-x\n" + b"y\n" * MAX_LINES,
        b"200 result=1 (" + (b"y" * 8000 + b"\n") * 10,
    ],
)
def test_what_is_no_answer_is_refused(data):
    made = decoder()
    with pytest.raises(AgiProtocolError):
        made.feed(data)


def test_commands_are_quoted():
    assert encode_command("ANSWER") == b"ANSWER\n"
    assert encode_command("SET VARIABLE", "X", 'a "b" \\ c') == b'SET VARIABLE "X" "a \\"b\\" \\\\ c"\n'
    assert encode_command("VERBOSE", "王", 1) == 'VERBOSE "王" "1"\n'.encode()


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_argument_arrives_as_it_is_or_is_refused(argument):
    try:
        line = encode_command("SET VARIABLE", "X", argument)
    except AgiInvalidArgument as refused:
        unfit = set(argument) & set("\r\n\0") or any(0xD800 <= ord(one) <= 0xDFFF for one in argument)
        assert unfit and (len(argument) < 4 or argument not in str(refused))  # noqa: PT017, PT018 (one outcome of two)
        return
    text = line.decode()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert split_as_asterisk_does(text[:-1]) == ["SET", "VARIABLE", "X", argument]


def split_as_asterisk_does(line: str) -> list[str]:
    """Words at blanks outside quotes; a backslash takes the next character as it is."""
    words: list[str] = []
    word: str | None = None
    quoted, characters = False, iter(line)
    for character in characters:
        if character == '"':
            quoted, word = not quoted, word or ""
        elif character == " " and not quoted:
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + (next(characters) if character == "\\" else character)
    return words + ([] if word is None else [word])


def test_a_command_that_asterisk_would_cut_is_refused():
    with pytest.raises(AgiInvalidArgument):
        encode_command("SET VARIABLE", "X", "v" * MAX_COMMAND)


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"\n", b"agi_x: 1\n", b"200 result=", b" (", b")\n", b"520-", b"520 ", b"HANGUP\n", b"\n\n"]
            ),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_garbage_never_surprises(parts, begun):
    made = decoder() if begun else AgiDecoder()
    try:
        for part in parts:
            for item in made.feed(part):
                assert isinstance(item, AgiEnvironment | AgiReply | AgiHangupNotice)
    except AgiProtocolError:
        pass
