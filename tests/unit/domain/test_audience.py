"""The one table of roles: who sees what, how far, and that REST and socket ask it."""

import pytest

from cti_server.api.models.methods import METHODS
from cti_server.domain.audience import ROLES, Matter, Reach, Scope, Topic, reach, roles_for, scope

NONE, OWN, GROUPS, ALL = Scope.NONE, Scope.OWN, Scope.GROUPS, Scope.ALL
PEOPLE = ("agent", "team_leader", "operations_manager", "quality_inspector", "data_analyst", "auditor")
TABLE: dict[Topic | Matter, tuple[Scope, ...]] = {
    Topic.AGENTS: (NONE, GROUPS, ALL, ALL, NONE, NONE),
    Topic.QUEUES: (NONE, GROUPS, ALL, NONE, NONE, NONE),
    Topic.CONTACTS: (NONE, GROUPS, ALL, ALL, NONE, NONE),
    Topic.WALLBOARD: (NONE, GROUPS, ALL, NONE, ALL, NONE),
    Matter.LOG: (OWN, GROUPS, ALL, ALL, NONE, ALL),
    Matter.ACTIVITY: (OWN, GROUPS, ALL, NONE, ALL, NONE),
    Matter.FIGURES: (NONE, GROUPS, ALL, NONE, ALL, NONE),
    Matter.VOICEMAILS: (GROUPS, GROUPS, ALL, ALL, NONE, ALL),
    Matter.VOICEMAIL_AUDIO: (GROUPS, GROUPS, NONE, ALL, NONE, NONE),
    Matter.VOICEMAIL_WORK: (GROUPS, GROUPS, NONE, NONE, NONE, NONE),
    Matter.MESSAGES: (OWN, GROUPS, ALL, NONE, NONE, NONE),
    Matter.CAMPAIGNS: (NONE, GROUPS, ALL, NONE, NONE, NONE),
    Matter.LISTENING: (NONE, GROUPS, NONE, ALL, NONE, NONE),
    Matter.LEADING: (NONE, GROUPS, NONE, NONE, NONE, NONE),
}


@pytest.mark.parametrize("matter", [*Topic, *Matter])
def test_each_matter_by_role(matter: Topic | Matter) -> None:
    assert tuple(scope((role,), matter) for role in PEOPLE) == TABLE[matter]
    assert roles_for(matter) == {role for role, far in zip(PEOPLE, TABLE[matter], strict=True) if far}
    assert ROLES.keys() == set(PEOPLE)
    for role in ("administrator", "operations_engineer", "nobody"):
        assert reach("1001", (role,), ("general",), matter) is None


def test_the_widest_of_several_roles_counts() -> None:
    both = ("agent", "team_leader", "quality_inspector")
    assert scope(both, Matter.LOG) is ALL
    assert scope(both, Matter.LEADING) is GROUPS
    assert reach("1001", (), ("general",), Matter.LOG) is None


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        ("agent", {("general", "1001"), ("vtm", "1001")}),
        ("team_leader", {("general", "1001"), ("general", "1002"), ("vtm", "1001")}),
        ("auditor", {("general", "1001"), ("general", "1002"), ("vtm", "1001"), ("vtm", "1002")}),
    ],
)
def test_what_is_covered(role: str, covered: set[tuple[str, str]]) -> None:
    seen = reach("1001", (role,), ("general",), Matter.LOG)
    assert seen
    every = {(group, agent) for group in ("general", "vtm") for agent in ("1001", "1002")}
    assert {one for one in every if seen.covers(*one)} == covered
    assert not Reach("1001", frozenset()).covers(None)


def test_the_socket_asks_the_same_table() -> None:
    assert METHODS["subscribe"].roles == roles_for(*Topic)
    assert METHODS["supervisor.listen"].roles == roles_for(Matter.LISTENING)
    for name in ("whisper", "barge", "intercept", "set_agent_state", "sign_out_agent"):
        assert METHODS[f"supervisor.{name}"].roles == roles_for(Matter.LEADING)
