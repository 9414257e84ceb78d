"""What recipes are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from cti_server.asterisk.ami_fields import Fields


@dataclass(frozen=True, slots=True)
class Action:
    """One AMI action. `deciding`: the effect failed when it does; others only prepare or tidy up."""

    name: str
    fields: Fields = field(default_factory=dict)
    deciding: bool = True


def set_variable(channel: str, variable: str, value: str) -> Action:
    """Set a channel variable, which prepares what follows."""
    return Action("Setvar", {"Channel": channel, "Variable": variable, "Value": value}, deciding=False)


def redirect(
    channel: str, context: str, exten: str = "s", *, priority: int | str = 1, deciding: bool = True
) -> Action:
    """Send a channel to a place of the dialplan."""
    fields: Fields = {"Channel": channel, "Context": context, "Exten": exten, "Priority": priority}
    return Action("Redirect", fields, deciding)


def both(first: Action, second: Action) -> Action:
    """Two Redirects as one: of two who share a bridge, neither goes on before both are on their way."""
    extra = {f"Extra{name}": value for name, value in second.fields.items()}
    return Action("Redirect", {**first.fields, **extra}, first.deciding)


def in_use(addresses: tuple[str, ...]) -> list[Action]:
    """The fallback queue takes these stations for busy."""
    return [
        Action(
            "Setvar",
            {"Variable": f"DEVICE_STATE(Custom:cti-{address})", "Value": "INUSE"},
            deciding=False,
        )
        for address in addresses
    ]
