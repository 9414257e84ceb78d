"""docs/views.md names every field of every view, and none that does not exist."""

import inspect
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cti_server.api.models import views

PAGE = (Path(__file__).parents[3] / "docs" / "views.md").read_text(encoding="utf-8")
WHOLE = (views.AgentView, views.ContactView, views.QueueView, views.SystemView)
PARTS = [
    model
    for _, model in inspect.getmembers(views, inspect.isclass)
    if issubclass(model, BaseModel) and model.__module__ == views.__name__ and model not in WHOLE
]


def values(annotation: Any) -> set[str]:
    """The words that a field may hold."""
    found: set[str] = set()
    for one in get_args(annotation):
        found |= {one} if isinstance(one, str) else values(one)
    return found


def words_of(model: type[BaseModel]) -> set[str]:
    fields = model.model_fields
    return set(fields).union(*(values(field.annotation) for field in fields.values()))


@pytest.mark.parametrize("model", WHOLE, ids=lambda model: model.__name__)
def test_a_view_is_described_field_by_field(model: type[BaseModel]) -> None:
    section = PAGE.partition(f"## {model.__name__} ")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(model.model_fields)


@pytest.mark.parametrize("model", PARTS, ids=lambda model: model.__name__)
def test_a_part_is_described_with_all_its_words(model: type[BaseModel]) -> None:
    text = PAGE.partition(f"**{model.__name__}**")[2]
    text = re.split(r"\n\*\*|\n\n|\n\|", text)[0]
    assert words_of(model) <= set(re.findall(r"\w+", text))


def test_every_state_is_named() -> None:
    assert values(views.ContactStateName) | values(views.AgentStateName) <= set(re.findall(r"`(\w+)`", PAGE))
