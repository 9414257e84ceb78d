"""docs/ivr.md names what there is, with its defaults."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import msgspec

from asterisk_config.prompts import PROMPTS
from cti_server.domain import ivr, ivr_questions
from cti_server.domain.ivr import Ivr, Option
from cti_server.domain.ivr_walk import Asked, Check, Walk
from cti_server.store.identity import LOCKED_FOR, TRIES
from cti_server.store.seed import _MENU, _MENU_NUMBER

TEXT = (Path(__file__).parents[3] / "docs/ivr.md").read_text(encoding="utf-8")


def _keys(heading: str) -> set[str]:
    table = TEXT.partition(heading)[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_every_key_is_described() -> None:
    assert _keys("| key | default | meaning |") == {one.name for one in fields(Ivr)}
    assert _keys("| key of an option | meaning |") == {one.name for one in fields(Option)}


def test_the_example_is_the_demos_and_can_be_used() -> None:
    found = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert found
    assert json.loads(found[1]) == _MENU
    settings = msgspec.convert(_MENU, Ivr)
    assert ivr.problems(settings, frozenset({"general", "credit_card", "elder"})) == []
    assert f"that is {_MENU_NUMBER}" in TEXT


def test_every_prompt_of_the_demo_menu_is_spoken() -> None:
    settings = msgspec.convert(_MENU, Ivr)
    said = {name for asked in Asked for name in ivr_questions.question(settings, Walk(asked)).prompts}
    said |= {"no_input", "wrong_key", "connecting", "verified", "not_verified"}
    assert said <= PROMPTS.keys()


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"After {TRIES} wrong PINs" in TEXT
    assert f"for {LOCKED_FOR.total_seconds() / 3600:g} h" in TEXT
    assert all(f"`{path}`" in TEXT for path in ("verified", "not_verified", "not_checked", Check.LOCKED))
