"""The menu by itself: whatever a caller presses, it comes to a person, and was told how all along."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti_server.domain import ivr, ivr_questions, ivr_walk
from cti_server.domain.ivr import MAIN, Ivr, Option
from cti_server.domain.ivr_walk import Asked, Check, Walk
from tests.unit.domain.centre import MENU

KEYS = st.sampled_from(["", "0", "1", "2", "3", "4", "5", "9", "*", "#", "12", "card", *Check, "你"])
GROUPS = frozenset({"general", "credit_card"})


def walked(*answers: str, settings: Ivr = MENU, language_known: bool = False) -> tuple[Walk, list[str], str]:
    """Where these answers lead: the walk, its path, the group."""
    walk = ivr_walk.begin(settings, language_known=language_known)
    assert walk
    path: list[str] = []
    group = ""
    for answer in answers:
        turn = ivr_walk.pressed(settings, walk, answer, "13900000002")
        walk, group = turn.walk, turn.group or group
        path.extend(turn.path)
    return walk, path, group


@st.composite
def menus(draw: st.DrawFn) -> Ivr:
    """Settings as somebody may have stored them, circles and dead ends too."""
    names = [MAIN, "one", "two"]
    options = st.builds(
        Option,
        key=st.sampled_from("123456789"),
        prompt=st.just("for_general"),
        group=st.sampled_from(["", "general", "nowhere"]),
        menu=st.sampled_from(["", *names, "nowhere"]),
        identify=st.booleans(),
    )
    return Ivr(
        menus={name: tuple(draw(st.lists(options, min_size=1, max_size=4))) for name in names},
        languages=draw(st.sampled_from([(), ("zh",), ("zh", "en")])),
        tries=draw(st.integers(1, 4)),
        identity_tries=draw(st.integers(1, 3)),
    )


@given(settings=menus(), known=st.booleans(), answers=st.lists(KEYS, min_size=41, max_size=60))
def test_everybody_comes_to_a_person_and_hears_how_in_every_question(
    settings: Ivr, known: bool, answers: list[str]
) -> None:
    walk = ivr_walk.begin(settings, language_known=known)
    assert walk
    for answer in answers:
        asked = ivr_questions.question(settings, walk)
        if walk.over:
            assert asked.digits == 0
        else:
            assert asked.digits > 0
            assert any(name.startswith(("press_0", "press_star")) for name in asked.prompts)
        before, walk = walk, ivr_walk.pressed(settings, walk, answer).walk
        assert walk.serial > before.serial or before.over, "every question has a number of its own"
    assert walk.over


@given(settings=menus(), known=st.booleans(), answers=st.lists(KEYS, max_size=12))
def test_the_direct_way_to_a_person_works_from_everywhere(
    settings: Ivr, known: bool, answers: list[str]
) -> None:
    walk = ivr_walk.begin(settings, language_known=known)
    assert walk
    for answer in answers:
        walk = ivr_walk.pressed(settings, walk, answer).walk
    for key in ("0", "*"):
        ends = ivr_walk.pressed(settings, walk, key).walk
        if walk.asked in (Asked.LANGUAGE, Asked.MENU):
            assert ends.over or key == "*"
        else:
            assert ends.over or key == "0"


@pytest.mark.parametrize(
    ("answers", "path", "group"),
    [
        (("2", "1"), ["language:en", "main:1"], "general"),
        (("1", "4", "1"), ["language:zh", "main:4", "more:1"], "credit_card"),
        (("0",), ["language:0"], ""),
        (("1", "0"), ["language:zh", "main:0"], ""),
        (("1", "", "", ""), ["language:zh", "main:no_input"], ""),
        (("1", "8", "", "8"), ["language:zh", "main:wrong_key"], ""),
        (("1", "2", "card", "right"), ["language:zh", "main:2", "verified"], "credit_card"),
        (("1", "2", "*"), ["language:zh", "main:2", "card:*"], "credit_card"),
        (("1", "2", "card", "*"), ["language:zh", "main:2", "pin:*"], "credit_card"),
        (("1", "2", *["card", "wrong"] * 3), ["language:zh", "main:2", "not_verified"], "credit_card"),
        (("1", "2", *["card", "locked"] * 3), ["language:zh", "main:2", "locked"], "credit_card"),
        (("1", "2", "card", "unavailable"), ["language:zh", "main:2", "not_checked"], "credit_card"),
        (("1", "3", "card", "right", "1"), ["language:zh", "main:3", "verified", "main:1"], "general"),
    ],
)
def test_where_keys_lead_and_what_the_agent_sees_of_it(
    answers: tuple[str, ...], path: list[str], group: str
) -> None:
    walk, own_path, own_group = walked(*answers)
    assert (own_path, own_group, walk.over) == (path, group, True)


def test_a_wrong_key_is_asked_again_and_a_right_one_forgets_it() -> None:
    walk, path, _ = walked("7", "")
    assert (walk.asked, walk.said, walk.failures, path) == (Asked.LANGUAGE, ("no_input",), 2, [])
    assert walked("7", "", "1")[0].failures == 0


def test_who_is_known_by_language_is_not_asked_for_it() -> None:
    assert walked(language_known=True)[0].asked is Asked.MENU
    assert walked(settings=replace(MENU, languages=("en",)))[0].asked is Asked.MENU
    assert ivr_walk.begin(Ivr(), language_known=False) is None


def test_a_locked_customer_is_asked_as_often_as_a_wrong_one() -> None:
    """Nobody learns from the questions which card exists, or is locked."""
    for outcome in (Check.WRONG, Check.LOCKED):
        walk, _, _ = walked("1", "2", "card", outcome, "card", outcome)
        assert (walk.asked, walk.checks, walk.said) == (Asked.CARD, 2, ("not_verified",))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (MENU, ""),
        (Ivr(menus={"other": (Option("1", "x", "general"),)}), "no main"),
        (Ivr(menus={MAIN: (Option("0", "x", "general"),)}), "always leads to a person"),
        (Ivr(menus={MAIN: (Option("1", "x", "nowhere"),)}), "no group nowhere"),
        (Ivr(menus={MAIN: (Option("1", "x", menu="nowhere"),)}), "no menu nowhere"),
        (Ivr(menus={MAIN: (Option("1", "x"),)}), "leads to one thing"),
        (Ivr(menus={MAIN: (Option("1", "x", "general"), Option("1", "y", "general"))}), "two options"),
        (Ivr(languages=("zh", "fr")), "no prompts in language fr"),
        (Ivr(elder_group="nowhere"), "no group nowhere"),
        (Ivr(tries=0), "at least 1"),
    ],
)
def test_settings_that_cannot_be_used_are_told(settings: Ivr, words: str) -> None:
    found = ivr.problems(settings, GROUPS)
    assert words in "; ".join(found) if words else not found
