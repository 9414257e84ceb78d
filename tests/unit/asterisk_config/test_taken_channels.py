"""Whoever may be taken by another channel's `Bridge` waits in a holding bridge (docs/adr/0006)."""

import re
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[3] / "asterisk_config/templates/extensions.conf.j2"


@pytest.mark.parametrize("context", ["cti-station", "cti-consulted", "cti-between", "cti-dialling"])
def test_it_rests_in_a_holding_bridge_and_in_no_application(context: str) -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    found = re.search(rf"^\[{context}\]\n(.*?)(?=^\[)", text, re.MULTILINE | re.DOTALL)
    assert found
    assert re.search(r"\{\{ rest\(", found[1])
    assert "wait_until" not in found[1]
    assert not re.search(r"\bWait\(", found[1])


def test_it_is_marked_as_long_as_it_is_not_in_the_bridge() -> None:
    """Asterisk takes the mark away when the channel is there."""
    text = TEMPLATE.read_text(encoding="utf-8")
    mark = "Set(BRIDGEPEER=on its way)"
    waits = re.findall(r"^(.*)\n(.*)\n.*BridgeWait\(.*\n(.*)$", text, re.MULTILINE)
    assert len(waits) == text.count("BridgeWait(") == 1
    ((before, idle, after),) = waits
    assert (before, idle, after) == (mark, " same => n,Set(CTI_IDLE=1)", f" same => n,{mark}")
