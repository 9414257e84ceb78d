"""Whoever may be taken by another channel's `Bridge` waits in a holding bridge (docs/adr/0006)."""

import re
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[3] / "asterisk_config/templates/extensions.conf.j2"


@pytest.mark.parametrize("context", ["cti-station", "cti-consulted", "cti-between"])
def test_it_rests_in_a_holding_bridge_and_in_no_application(context: str) -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    found = re.search(rf"^\[{context}\]\n(.*?)(?=^\[)", text, re.MULTILINE | re.DOTALL)
    assert found
    assert "BridgeWait(" in found[1]
    assert "wait_until" not in found[1]
    assert not re.search(r"\bWait\(", found[1])
