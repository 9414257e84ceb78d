"""One catalogue, both languages, every code."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import cti_server
from cti_server.api.messages import MESSAGES, preferred, text_of, title
from cti_server.api.models.notifications import SessionClosed
from cti_server.api.problems import STATUS, problem
from cti_server.api.rpc import _INTEGERS
from cti_server.domain.doubts import Doubt
from cti_server.domain.errors import DomainError, refusals
from cti_server.errors import CtiError

for module in pkgutil.walk_packages(cti_server.__path__, "cti_server."):  # their errors exist once imported
    if "__main__" not in module.name and ".migrations" not in module.name:
        importlib.import_module(module.name)


def tree(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(tree(child) for child in root.__subclasses__()))


def reaches_the_edge(error: type[Exception]) -> bool:
    """Errors of starting up and of the doctor are told at the console, whatever else is loaded by now."""
    console = (
        "cti_server.up.",
        "cti_server.doctor.",
        "cti_server.client.",
        "cti_server.simulate.",
        "cti_server.bootstrap.report_check",
    )
    return error.__module__.startswith("cti_server.") and not error.__module__.startswith(console)


def codes() -> set[str]:
    classes = [c for root in (CtiError, DomainError) for c in tree(root) if reaches_the_edge(c)]
    return {str(vars(c)["code"]) for c in classes if isinstance(vars(c).get("code"), str)}


def test_every_code_has_both_texts() -> None:
    assert codes() - MESSAGES.keys() == set()
    assert {"invalid_credentials", "not_leader", "database_unavailable", *refusals()} <= codes()


def test_no_text_without_a_code() -> None:
    reasons = set(SessionClosed.model_json_schema()["properties"]["reason"]["enum"])
    assert MESSAGES.keys() - codes() == reasons - codes() | {"too_slow"} | {doubt.value for doubt in Doubt}


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_english_is_english_and_chinese_is_chinese(code: str) -> None:
    english, chinese = MESSAGES[code]
    assert re.fullmatch(r"[a-z][a-z0-9_]{2,40}", code)
    assert english.isascii()
    assert english[0].isupper()
    assert re.search(r"[一-鿿]", chinese)
    assert not english.endswith(".")
    assert not chinese.endswith("。")


def test_tables_name_known_codes_only() -> None:
    assert STATUS.keys() <= MESSAGES.keys()
    assert _INTEGERS.keys() <= MESSAGES.keys()


def test_chinese_gets_no_english() -> None:
    error = cti_server.api.errors.RateLimited("more than 20 requests a second")
    assert text_of(error, "en") == "more than 20 requests a second"
    assert text_of(error, "zh-CN") == "请求过于频繁"
    assert "detail" not in problem(error, "zh-CN")
    assert problem(error, "en")["detail"] == "more than 20 requests a second"


def test_a_code_that_nobody_knows() -> None:
    assert title("flux_capacitor", "en") == "Something went wrong in the server"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-TW;q=0.9, en;q=0.8", "zh-CN"),
        ("en, zh;q=0.9", "en"),
        ("fr", "en"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
        (";;;,,,q=", "en"),
        ("*", "en"),
    ],
)
def test_accept_language(header: str | None, language: str) -> None:
    assert preferred(header) == language
