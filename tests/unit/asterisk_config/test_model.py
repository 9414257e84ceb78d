"""No value can break out of its place in a configuration file."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_config.errors import ConfigError
from asterisk_config.model import AmiLogin, Endpoint, NodeConfig, ServiceNumber, Station

NODE = NodeConfig(
    name="pbx-a",
    sip=Endpoint("127.0.0.1", 5060),
    http=Endpoint("127.0.0.1", 8088),
    ami=Endpoint("127.0.0.1", 5038),
    agi=(Endpoint("127.0.0.1", 4573),),
    ami_logins=(AmiLogin("cti-a", "long-enough"),),
    stations=(Station("1001", "long-enough"), Station("1001-browser", "long-enough", browser=True)),
    numbers=(ServiceNumber("4000", "general"),),
    groups=("general",),
)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "pbx a"},
        {"name": "../etc"},
        {"folder": "a/b"},
        {"ami_logins": (AmiLogin("cti\n[root]", "long-enough"),)},
        {"ami_logins": (AmiLogin("general", "x"),)},
        {"stations": (Station("1001](x", "long-enough"),)},
        {"stations": (Station("1001", "with;comment"),)},
        {"stations": (Station("1001", "a" * 8), Station("1001", "b" * 8))},
        {"numbers": (ServiceNumber("4000,1,System(id)", "general"),)},
        {"numbers": (ServiceNumber("_X.", "general"),)},
        {"numbers": (ServiceNumber("4000", "nowhere"),)},
        {"numbers": (ServiceNumber("4000", "general", greeting="../x"),)},
        {"numbers": (ServiceNumber("4000", "general", language="zh)"),)},
        {"groups": ("general", "Elder")},
        {"groups": ()},
        {"sip": Endpoint("localhost", 5060)},
        {"sip": Endpoint("127.0.0.1", 0)},
        {"agi": (Endpoint("127.0.0.1/x", 4573),)},
        {"rtp_ports": (20000, 10000)},
        {"trunk_match": ("any",)},
        {"ami_permit": ("0.0.0.0/0.0.0.0\npermit = all",)},
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        replace(NODE, **changes)
    assert raised.value.code == "pbx_config_invalid"


def test_a_refused_secret_is_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        replace(NODE, ami_logins=(AmiLogin("cti-a", "my secret; phrase"),))
    assert "phrase" not in str(raised.value)


@given(st.text(min_size=1))
def test_no_text_with_a_line_break_or_a_bracket_is_taken(text: str) -> None:
    try:
        taken = replace(NODE, name=text, groups=("general",), stations=(Station("1001", text),))
    except ConfigError:
        return
    for value in (taken.name, taken.stations[0].password):
        assert not set("\r\n\0;[](){}$,=> ") & set(value)
