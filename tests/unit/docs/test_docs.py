"""What README and docs name exists: commands, files, links, settings, log events, dialplan contexts."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from asterisk_config import surface
from cti_server.cli import app
from cti_server.settings import PbxNodeSettings, Settings

ROOT = Path(__file__).parents[3]
OURS = (
    "first-call.md",
    "operators.md",
    "asterisk.md",
    "architecture.md",
    "routing.md",
    "figures.md",
    "ivr.md",
    "campaigns.md",
    "simulation.md",
    "messages.md",
    "views.md",
    "agent-programs.md",
    "agent-programs.zh.md",
    "operators.zh.md",
    "roles.md",
    "containers.md",
)
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs" / name for name in OURS)]
FOLDERS = "cti_server|asterisk_config|recordings|webrtc_gateway|tests|docs|scripts"
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_PATH = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*\w)")
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _code(page: Path) -> str:
    return "\n".join(_CODE.findall(page.read_text(encoding="utf-8")))


@pages
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", _code(page))) <= targets


@pages
def test_every_subcommand_exists(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a click group
    code = re.sub(r"docker compose [^\n`]*?\bcti\b", "", _code(page))  # that is the service
    for name, following in re.findall(r"\bcti ([a-z]+)(?: ([a-z]+))?", code):
        assert name in commands
        assert not hasattr(commands[name], "commands") or following in commands[name].commands


@pages
def test_every_command_of_ours_is_understood(page: Path) -> None:
    """Arguments too; nothing is run."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a click group
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in re.findall(r"^(?:\.venv/bin/)?cti (.+)$", block, re.MULTILINE):
            name, *rest = shlex.split(line, comments=True)
            assert commands[name].make_context(name, rest), line


@pages
def test_every_file_exists(page: Path) -> None:
    named = set(_PATH.findall(_code(page)))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def _rows(page: Path, heading: str) -> list[list[str]]:
    """Cells of the first table after the line that holds `heading`."""
    lines = page.read_text(encoding="utf-8").split(heading, 1)[1].splitlines()[1:]
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table: list[list[str]] = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table[2:]


def test_the_table_of_settings_is_complete_and_its_defaults_are_right() -> None:
    told = {name.strip("`"): default for name, default, _ in _rows(PAGES[3], "<!-- settings:")}
    expected = _defaults(Settings, "") | _defaults(PbxNodeSettings, "nodes[].")
    assert told == expected


def _defaults(model: type[BaseModel], prefix: str) -> dict[str, str]:
    return {prefix + name: _told(field.default) for name, field in model.model_fields.items()}


def _told(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    if default in (None, (), ""):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_log_event_is_one_of_the_code() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("cti_server", "recordings", "asterisk_config")
        for path in (ROOT / folder).rglob("*.py")
    )
    events = [name for cell, _ in _rows(PAGES[3], "## Logs") for name in re.findall(r"`([^`]+)`", cell)]
    assert len(events) > 15
    assert [event for event in events if f'"{event}"' not in source] == []


def test_every_context_of_the_dialplan_is_described() -> None:
    template = (ROOT / "asterisk_config/templates/extensions.conf.j2").read_text(encoding="utf-8")
    contexts = set(re.findall(r"^\[(cti-[\w-]+)\]", template, re.MULTILINE))
    assert {cell.strip("`") for cell, _ in _rows(PAGES[4], "## Contexts")} == contexts


def test_every_variable_and_place_named_is_in_the_dialplan_or_set_by_us() -> None:
    page = PAGES[4].read_text(encoding="utf-8")
    template = (ROOT / "asterisk_config/templates/extensions.conf.j2").read_text(encoding="utf-8")
    variables = set(re.findall(r"`(CTI_[A-Z_]+)", page))
    assert {name for name in variables if name not in template} == set()
    assert {
        place
        for place in ("wait", "hold", "station", "unserved", "unjoined")
        if f"Place: {place}" not in template
    } == set()
    assert ",".join(surface.AMI_WRITE_CLASSES) in page
