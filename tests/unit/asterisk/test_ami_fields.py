"""Nothing that goes into a field may come out as another header, another action or another variable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti_server.asterisk.ami_codec import encode_action, local_channel, station_channel, trunk_channel
from cti_server.asterisk.ami_fields import MAX_HEADERS, MAX_LINE
from cti_server.errors import AmiInvalidField

anything = st.text(st.characters(codec=None), max_size=60)
breaking = st.tuples(anything, st.sampled_from("\r\n\0"), anything).map("".join)
keys = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True).filter(
    lambda key: key.lower() not in {"action", "actionid"}
)


def read_as_asterisk_does(data: bytes) -> list[list[str]]:
    """Messages as lists of lines, by Asterisk's rule: lines end at CR LF, a message at an empty line."""
    assert data.endswith(b"\r\n\r\n")
    return [part.decode().split("\r\n") for part in data[:-4].split(b"\r\n\r\n")]


def is_unfit(key: str, value: object) -> bool:
    text = f"{key}: {value}"
    return (
        bool(set(text) & set("\r\n\0"))
        or len(text.encode(errors="replace")) > MAX_LINE
        or not is_unicode(text)
    )


def is_unicode(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


@given(st.dictionaries(keys, st.one_of(anything, st.integers(-(2**63), 2**63), st.booleans()), max_size=6))
def test_any_fields_arrive_as_they_are_or_are_refused(fields):
    try:
        data = encode_action("Originate", fields, action_id="x-1")
    except AmiInvalidField:
        assert any(is_unfit(key, value) for key, value in fields.items())
        return
    (lines,) = read_as_asterisk_does(data)
    written = {True: "true", False: "false"}
    expected = [
        f"{key}: {written[value] if isinstance(value, bool) else value}" for key, value in fields.items()
    ]
    assert lines == ["Action: Originate", "ActionID: x-1", *expected]


@given(keys, breaking)
def test_a_line_break_or_nul_is_refused_and_not_repeated(key, value):
    for field in (value, [value], {"A": value}):
        with pytest.raises(AmiInvalidField) as refused:
            encode_action("QueuePause", {key: field})
        assert refused.value.detail == {"field": key}
        assert refused.value.code == "invalid_field"
        assert len(value) < 4 or value not in str(refused.value)


@pytest.mark.parametrize(
    "key", ["", "A B", "A:", "A\r\nB", "Ä", "1A", "A" * 65, "Action", "action", "ActionID", "ACTIONID", "A\n"]
)
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(AmiInvalidField):
        encode_action("Ping", {key: "x"})


@pytest.mark.parametrize("name", ["", "Ping\r\nX: 1", "Ping\n", "Core Show", "Ping:"])
def test_an_action_name_that_is_none_is_refused(name):
    with pytest.raises(AmiInvalidField):
        encode_action(name)


def test_the_lab_injection_is_refused():
    with pytest.raises(AmiInvalidField):
        encode_action(
            "QueuePause",
            {"Reason": "lunch\r\n\r\nAction: Command\r\nCommand: core stop now", "Interface": "x"},
        )


def test_lists_repeat_and_mappings_assign():
    data = encode_action("Originate", {"Variable": {"CTI_PEER": 'a,b="c"\\', "_N": 1}, "Output": ["x", 2]})
    assert data == (
        b'Action: Originate\r\nVariable: CTI_PEER="a,b=\\"c\\"\\\\"\r\nVariable: _N="1"\r\n'
        b"Output: x\r\nOutput: 2\r\n\r\n"
    )


@given(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=60))
def test_a_variable_reads_back_as_asterisk_takes_it_apart(value):
    (lines,) = read_as_asterisk_does(encode_action("Originate", {"Variable": {"A": value}}))
    assert unquote_as_asterisk_does(lines[1].removeprefix("Variable: A=")) == value


def unquote_as_asterisk_does(text: str) -> str:
    """Up to the first comma outside quotes, without the quotes and the backslashes before characters."""
    result, quoted, characters = "", False, iter(text)
    for character in characters:
        if character == "\\":
            result += next(characters)
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            break
        else:
            result += character
    return result


@pytest.mark.parametrize("name", ["A=B", "A,B", "", "A B", "A\r\nB", "SHELL(rm x)", "A${B}"])
def test_a_variable_name_that_is_none_is_refused(name):
    with pytest.raises(AmiInvalidField):
        encode_action("Originate", {"Variable": {name: "x"}})


def test_functions_that_set_a_sip_header_are_possible():
    data = encode_action("Originate", {"Variable": {"PJSIP_HEADER(add,Alert-Info)": "<x>;info=auto"}})
    assert b'Variable: PJSIP_HEADER(add,Alert-Info)="<x>;info=auto"\r\n' in data


def test_a_line_that_asterisk_would_cut_is_refused():
    fits = "v" * (MAX_LINE - len("Value: "))
    encode_action("Setvar", {"Value": fits})
    with pytest.raises(AmiInvalidField):
        encode_action("Setvar", {"Value": fits + "v"})
    with pytest.raises(AmiInvalidField):
        encode_action("Setvar", {"Value": "王" * (MAX_LINE // 2)})


def test_more_headers_than_asterisk_takes_are_refused():
    with pytest.raises(AmiInvalidField):
        encode_action("Originate", {"Variable": ["A=1"] * MAX_HEADERS})


@pytest.mark.parametrize("value", [None, 1.5, b"x", [None], {"A": None}])
def test_values_of_other_types_are_refused(value):
    with pytest.raises((AmiInvalidField, TypeError)):
        encode_action("Setvar", {"Value": value})


def test_dial_strings():
    assert station_channel("1001") == "PJSIP/1001"
    assert station_channel("1001-browser") == "PJSIP/1001-browser"
    assert trunk_channel("+8613800000000", "trunk") == "PJSIP/+8613800000000@trunk"
    assert local_channel("s", "cti-wait") == "Local/s@cti-wait"


@pytest.mark.parametrize(
    "address",
    ["", "1001&1002", "1001/x", "1001@trunk", "1001,30", "-1", "1001\n", "１００１", "x" * 41, "a b"],
)
def test_dial_strings_that_reach_elsewhere_are_refused(address):
    with pytest.raises(AmiInvalidField):
        station_channel(address)
    with pytest.raises(AmiInvalidField):
        trunk_channel("10086", address)
    with pytest.raises(AmiInvalidField):
        local_channel("s", address)


@pytest.mark.parametrize("number", ["", "10086@x", "1&2", "abc", "+", "1" * 33, "1\n"])
def test_numbers_that_cannot_be_dialled_are_refused(number):
    with pytest.raises(AmiInvalidField):
        trunk_channel(number, "trunk")
