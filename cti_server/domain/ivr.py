"""The menu of a service number (REQUIREMENTS B3): its settings, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MAIN = "main"
"""The menu everybody begins with."""
LANGUAGES = ("zh", "en")
"""Those that prompts exist in."""


@dataclass(frozen=True, slots=True)
class Option:
    """What a key leads to: a group, another menu, or with neither an identity check and the menu again."""

    key: str
    prompt: str
    """Name of the prompt that says what the key is for."""
    group: str = ""
    menu: str = ""
    identify: bool = False
    """By way of an identity check; who fails it goes on all the same, not verified."""


@dataclass(frozen=True, slots=True)
class Ivr:
    """The menu of a service number; seconds and counts."""

    menus: dict[str, tuple[Option, ...]] = field(default_factory=dict)
    """By name; begins with `main`."""
    languages: tuple[str, ...] = ()
    """Asked for when there are two or more and the caller's is not known: the n-th by key n."""
    elder_direct: bool = True
    """A caller known to be elderly goes straight to a person."""
    elder_group: str = ""
    """Where to; empty: the number's own group."""
    tries: int = 3
    """Questions answered wrongly, or not, one after the other, until the caller goes to a person."""
    input_time: float = 5.0
    """Seconds to press a key in."""
    identity_tries: int = 3
    """Identity checks failed in a call until it goes on without."""


def groups(ivr: Ivr) -> Iterator[str]:
    """Every group that a key leads to."""
    yield from (one.group for options in ivr.menus.values() for one in options if one.group)


def problems(ivr: Ivr, known_groups: frozenset[str]) -> list[str]:
    """What is wrong with settings, in words; empty when they can be used."""
    found = [f"no prompts in language {name}" for name in ivr.languages if name not in LANGUAGES]
    if ivr.menus and not ivr.menus.get(MAIN):
        found.append(f"there are menus, but no {MAIN}")
    for name, options in ivr.menus.items():
        keys = [one.key for one in options]
        found += [f"{name}: two options on one key"] if len(keys) != len(set(keys)) else []
        for one in options:
            found += [f"{name}: {why}" for why in _problems(ivr, one, known_groups)]
    if ivr.elder_group and ivr.elder_group not in known_groups:
        found.append(f"no group {ivr.elder_group}")
    if ivr.tries < 1 or ivr.identity_tries < 1 or ivr.input_time < 1:
        found.append("tries and input_time are at least 1")
    return found


def _problems(ivr: Ivr, one: Option, known_groups: frozenset[str]) -> Iterator[str]:
    if one.key not in tuple("123456789"):
        yield f"key {one.key} is none of 1 to 9 (0 always leads to a person)"
    if one.group and one.group not in known_groups:
        yield f"no group {one.group}"
    if one.menu and one.menu not in ivr.menus:
        yield f"no menu {one.menu}"
    if bool(one.group) + bool(one.menu) + (one.identify and not one.group) != 1:
        yield f"key {one.key} leads to one thing: a group, a menu or an identity check"
