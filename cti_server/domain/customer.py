"""A customer as the bank's directory knows it, by the number it calls from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Customer:
    """Who calls, as far as it is known. `number` is personal data: masked in every view, never logged."""

    number: str = ""
    name: str = ""
    tier: str = ""
    elder: bool = False
    verified: bool = False
    """Proved in this contact who it is, by card and PIN."""


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """What routing needs to know. A caller's number is no proof of who calls: nothing private goes by it."""

    name: str = ""
    tier: str = ""
    """`vip`, or empty."""
    elder: bool = False
    language: str = ""
    """Of the prompts, `zh` or `en`; empty: the service number's."""
    dedicated_agent: str = ""
    requires: dict[str, int] = field(default_factory=dict)
    """Skill to the lowest level an agent needs for this customer."""


STRANGER = CustomerProfile()
