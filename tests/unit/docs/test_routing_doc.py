"""docs/routing.md names what there is, with its defaults."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import msgspec

from cti_server.domain.policy import Opening, Policy, Priorities
from cti_server.domain.queue import AGEING
from cti_server.domain.rules import waiting
from cti_server.store.seed import _POLICIES

TEXT = (Path(__file__).parents[3] / "docs/routing.md").read_text(encoding="utf-8")


def test_every_key_of_a_policy_is_described() -> None:
    table = TEXT.partition("## Policy of a group")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {one.name for one in fields(Policy)}


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"queued_at - {AGEING:g} s × priority" in TEXT
    assert f"| elderly | + {Priorities().elder} |" in TEXT
    assert f"| VIP | + {Priorities().vip} |" in TEXT
    assert f"every {waiting.OVERFLOW_AGAIN:g} s" in TEXT


def test_the_example_of_hours_is_understood() -> None:
    found = re.search(r'\{"weekday".*?\}', TEXT)
    assert found
    assert msgspec.convert({"hours": [json.loads(found[0])]}, Policy).hours == (Opening(1, 540, 1020),)


def test_the_demo_policies_are_understood() -> None:
    for policy in _POLICIES.values():
        msgspec.convert(policy, Policy)
        assert policy.keys() <= {one.name for one in fields(Policy)}
