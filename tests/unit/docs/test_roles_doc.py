"""docs/roles.md is the table that the code goes by."""

from __future__ import annotations

from pathlib import Path

from cti_server.domain.audience import ROLES, Matter, Scope, Topic

TEXT = (Path(__file__).parents[3] / "docs/roles.md").read_text(encoding="utf-8")


def test_the_table_is_the_code_s() -> None:
    lines = TEXT.split("<!-- roles:", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    roles = [cell.split()[0] for cell in head[2:]]
    assert roles == list(ROLES)
    told = {row[0].strip("`"): dict(zip(roles, row[2:], strict=True)) for row in rows}
    for matter in (*Topic, *Matter):
        scopes = {role: ROLES[role].get(matter, Scope.NONE) for role in roles}
        assert told.pop(matter.value) == {
            role: scope.name.lower() if scope else "" for role, scope in scopes.items()
        }
    assert not told
