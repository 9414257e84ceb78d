"""Attached data goes along with every notification, so it is bounded as a whole."""

from typing import Any

from cti_server.domain import signals as s
from cti_server.domain.rules.conversation import MOST_DATA
from tests.unit.domain.scenes import talking


def test_data_that_grows_too_large_is_refused_and_nothing_is_lost():
    centre, contact_id = talking()
    half = "王" * (MOST_DATA // 6)

    def refusal(data: dict[str, Any]) -> str | None:
        reply = centre.command(s.SetData, "1001", contact_id, data)
        assert reply
        return reply.error_code

    assert refusal({"a": half}) is None
    assert refusal({"b": half, "c": "more"}) == "data_too_large"
    assert centre.state.contacts[contact_id].data == {"a": half}
    assert refusal({"a": None, "b": half}) is None
