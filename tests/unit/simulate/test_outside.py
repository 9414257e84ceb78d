"""Who is called outside, and where: loopback, and nobody else's port."""

import json
import socket
from pathlib import Path
from random import Random

import pytest

from cti_server.domain.outside import OutsideRules
from cti_server.simulate.about import About
from cti_server.simulate.outside import Kind, consulted_number, dialled_number, kind_of
from cti_server.up.front import plan_for
from cti_server.up.plan import Ports


def about(tmp_path: Path, outside: str | None) -> About:
    node = {"name": "pbx-a", "sip": "127.0.0.1:5060"} | ({"outside": outside} if outside else {})
    told = {"http": "", "ws": "", "nodes": [node], "numbers": {}, "people": []}
    file = tmp_path / "centre.json"
    file.write_text(json.dumps(told))
    return About.read(file)


@pytest.mark.parametrize("outside", [None, "10.0.0.5:5060", "localhost:5070"])
def test_only_an_address_of_loopback_is_ours(tmp_path: Path, outside: str | None) -> None:
    assert about(tmp_path, outside).outside_port == 0
    assert about(tmp_path, outside).why_nobody_outside == "no_outside_target"


def test_somebody_elses_port_is_not_ours(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.bind(("127.0.0.1", 0))
        port = somebody.getsockname()[1]
        assert about(tmp_path, f"127.0.0.1:{port}").outside_port == 0
        assert about(tmp_path, f"127.0.0.1:{port}").why_nobody_outside == "outside_port_in_use"
    assert about(tmp_path, f"127.0.0.1:{port}").outside_port == port


def test_the_demo_centre_calls_outside_on_loopback_unless_told_a_carrier(tmp_path: Path) -> None:
    assert str(plan_for(tmp_path).node_options["outside"]) == f"127.0.0.1:{Ports().outside}"
    free = plan_for(tmp_path, free_ports=True)
    assert str(free.node_options["outside"]) == f"127.0.0.1:{free.ports.outside}"
    assert str(plan_for(tmp_path, outside="10.0.0.5:5060").node_options["outside"]) == "10.0.0.5:5060"


def test_all_who_are_called_are_on_the_allow_list_and_whom_an_agent_consults_answers_or_is_busy() -> None:
    chance = Random(1)
    dialled, consulted = (
        [choice(chance) for _ in range(200)] for choice in (dialled_number, consulted_number)
    )
    assert all(OutsideRules().allows(number) for number in dialled + consulted)
    assert {Kind.NOBODY, Kind.NO_NUMBER, Kind.QUICK} <= {kind_of(number) for number in dialled}
    assert {kind_of(number) for number in consulted} == {Kind.QUICK, Kind.SLOW, Kind.LEAVES, Kind.BUSY}
