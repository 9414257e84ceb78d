"""What is made for a centre in containers: complete, private, the same each time."""

import json
from pathlib import Path

import pytest

from cti_server.settings import Settings
from cti_server.up import prepare
from cti_server.up.plan import Plan, Ports
from cti_server.up.prepare import Container, NoGateway, default_gateway, prepare_files

ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	000012AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth0	00000000	010012AC	0003	0	0	0	00000000	0	0	0
"""


def test_the_gateway_is_the_default_routes() -> None:
    assert default_gateway(ROUTES) == "172.18.0.1"


def test_no_default_route_is_said() -> None:
    with pytest.raises(NoGateway):
        default_gateway(ROUTES.rpartition("eth0")[0])


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Container]:
    routes = tmp_path / "route"
    routes.write_text(ROUTES)
    monkeypatch.setattr(prepare, "ROUTES", routes)
    monkeypatch.delenv("CTI_DATABASE_URL", raising=False)
    monkeypatch.setenv("CTI_REDIS_URL", "unix:///run/cti/redis.sock?db=0")
    (tmp_path / "prompts/zh").mkdir(parents=True)
    plan = Plan(tmp_path / "var", Ports(sip=5072, rtp_first=10_000, rtp_last=10_019), "pbx-a")
    return plan, Container(tmp_path / "pbx", tmp_path / "prompts", "127.0.0.1")


async def test_twice_is_once(made: tuple[Plan, Container]) -> None:
    plan, container = made
    await prepare_files(plan, container, cheap_passwords=True)
    first = plan.centre_json.read_text(), plan.server_json.read_text()
    await prepare_files(plan, container, cheap_passwords=True)
    assert (plan.centre_json.read_text(), plan.server_json.read_text()) == first
    private = [plan.centre_json, plan.server_json, *plan.var.glob("secrets/*")]
    assert {file.stat().st_mode & 0o777 for file in private} == {0o600}
    assert json.loads(first[0])["nodes"] == [
        {
            "name": "pbx-a",
            "sip": "127.0.0.1:5072",
            "sip_ws": "ws://127.0.0.1:8088/ws",
            "outside": "127.0.0.1:5070",
        }
    ]


async def test_the_server_finds_everything_by_absolute_paths(
    made: tuple[Plan, Container], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, container = made
    await prepare_files(plan, container, cheap_passwords=True)
    monkeypatch.setenv("CTI_SETTINGS", str(plan.server_json))
    settings = Settings()
    (node,) = settings.nodes
    assert (settings.http_host, settings.redis_url) == ("0.0.0.0", "unix:///run/cti/redis.sock?db=0")
    assert (settings.agi_host, node.ami_host) == ("127.0.0.1", "127.0.0.1")
    assert node.cel_file == container.pbx_home / "pbx-a/log/cel-custom/cel.csv"
    assert node.recording_spool == container.pbx_home / "pbx-a/spool/monitor"


async def test_the_node_tells_phones_the_published_address(made: tuple[Plan, Container]) -> None:
    plan, container = made
    await prepare_files(plan, container, cheap_passwords=True)
    etc = container.pbx_home / "pbx-a/etc"
    pjsip = (etc / "pjsip.conf").read_text()
    assert (
        "bind = 0.0.0.0:5072\nexternal_signaling_address = 127.0.0.1\nexternal_signaling_port = 5072\n"
        in pjsip
    )
    assert "media_address = 127.0.0.1\n" in pjsip
    assert "bind_rtp_to_media_address" not in pjsip
    assert "match = 172.18.0.1\nmatch = 127.0.0.1\n" in pjsip
    assert "contact = sip:127.0.0.1:5070\n" in pjsip, (
        "a simulation in the same namespace is everybody outside"
    )
    assert "bindaddr = 127.0.0.1\n" in (etc / "manager.conf").read_text()
    assert "agi://127.0.0.1:4573/inbound" in (etc / "extensions.conf").read_text()
