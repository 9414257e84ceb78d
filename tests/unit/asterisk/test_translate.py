"""AMI events become facts; what does not concern us becomes nothing."""

import pytest

from cti_server.asterisk import translate
from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode

NODE = "pbx-a"


def facts(name: str, **headers: str) -> list[s.PbxFact]:
    return translate.facts(NODE, AmiMessage.event(name, headers))


@pytest.mark.parametrize("place", ["wait", "hold", "unserved"])
def test_a_customers_place(place: str) -> None:
    (fact,) = facts(
        "UserEvent",
        UserEvent="CTIPlace",
        Uniqueid="pbx-a-1.1",
        Place=place,
        Number="4000",
        Group="general",
        CallerIDNum="13800138000",
        Language="zh",
    )
    assert fact == s.CustomerPlaced(0.0, NODE, "pbx-a-1.1", place, "4000", "general", "13800138000", "zh")


@pytest.mark.parametrize("told", ["<unknown>", "", "anonymous"])
def test_a_withheld_number_is_none(told: str) -> None:
    place = {"UserEvent": "CTIPlace", "Place": "wait", "Number": "4000", "Group": "general"}
    (fact,) = facts("UserEvent", Uniqueid="x", CallerIDNum=told, **place)
    assert isinstance(fact, s.CustomerPlaced)
    assert fact.customer_number == ""
    arrival = translate.call(
        NODE,
        AmiMessage.event("UserEvent", {"UserEvent": "CTICall", "Uniqueid": "x", "CallerIDNum": told}),
    )
    assert arrival is not None
    assert arrival.customer_number == ""
    row = {"Uniqueid": "x", "CallerIDNum": told}
    (channel,) = translate.snapshot(NODE, [AmiMessage.event("Status", row)], [], 7.0).channels
    assert channel.caller_number == ""


def test_a_stations_place_and_a_failed_join() -> None:
    assert facts("UserEvent", UserEvent="CTIPlace", Uniqueid="x", Place="station") == [
        s.StationPlaced(0.0, NODE, "x")
    ]
    assert facts("UserEvent", UserEvent="CTIPlace", Uniqueid="x", Place="unjoined") == [
        s.EffectFailed(0.0, NODE, "Connect", "x", "pbx_refused")
    ]


def test_other_user_events_are_none_of_ours() -> None:
    assert facts("UserEvent", UserEvent="Other", Uniqueid="x") == []
    assert facts("Newexten", Uniqueid="x") == []


@pytest.mark.parametrize(("cause", "number"), [("16", 16), ("0", 0), ("", 0), ("x", 0)])
def test_hang_ups_carry_their_cause(cause: str, number: int) -> None:
    assert facts("Hangup", Uniqueid="x", Cause=cause) == [s.ChannelGone(0.0, NODE, "x", number)]


def test_a_phone_that_passes_its_customer_on() -> None:
    told = {"TransfereeUniqueid": "x", "TransfererUniqueid": "y", "Extension": "4001"}
    assert facts("BlindTransfer", Result="Success", **told) == [s.PhoneTransfers(0.0, NODE, "x", "y", "4001")]
    assert facts("BlindTransfer", Result="Fail", **told) == []
    placed = s.CustomerPlaced(0.0, NODE, "x", "referred", "4000", "general", by="y", to="4001")
    place = {"Place": "referred", "Number": "4000", "Group": "general", "By": "y", "To": "4001"}
    assert facts("UserEvent", UserEvent="CTIPlace", Uniqueid="x", **place) == [placed]
    assert facts("BlindTransfer", Result="Success", Extension="4001") == []


def test_a_call_that_took_somebodys_place() -> None:
    told = facts("BridgeEnter", Uniqueid="x", BridgeUniqueid="b", Context="cti-inbound")
    assert told == [s.StrangerInBridge(0.0, NODE, "x")]


def test_bridges_holds_and_recordings() -> None:
    assert facts("BridgeEnter", Uniqueid="x", BridgeUniqueid="b") == [
        s.ChannelEnteredBridge(0.0, NODE, "x", "b")
    ]
    assert facts("BridgeLeave", Uniqueid="x", BridgeUniqueid="b") == [
        s.ChannelLeftBridge(0.0, NODE, "x", "b")
    ]
    assert facts("Hold", Uniqueid="x") == [s.PhoneHeld(0.0, NODE, "x")]
    assert facts("Unhold", Uniqueid="x") == [s.PhoneRetrieved(0.0, NODE, "x")]
    assert facts("MixMonitorStart", Uniqueid="x") == [s.RecordingChanged(0.0, NODE, "x", recording=True)]
    assert facts("MixMonitorStop", Uniqueid="x") == [s.RecordingChanged(0.0, NODE, "x", recording=False)]


@pytest.mark.parametrize(
    ("device", "state", "expected"),
    [
        ("PJSIP/1001", "NOT_INUSE", ("1001", True)),
        ("PJSIP/1001", "INUSE", ("1001", True)),
        ("PJSIP/1001-browser", "UNAVAILABLE", ("1001-browser", False)),
        ("PJSIP/trunk", "INUSE", None),
        ("Custom:cti-1001", "INUSE", None),
    ],
)
def test_registrations(device: str, state: str, expected: tuple[str, bool] | None) -> None:
    found = facts("DeviceStateChange", Device=device, State=state)
    assert found == ([s.StationChanged(0.0, NODE, *expected)] if expected else [])


def test_a_station_that_idles_shares_no_bridge() -> None:
    fields = {"Channel": "PJSIP/1001-00000002", "Uniqueid": "station-1001-1", "BridgeID": "b"}
    status = [
        AmiMessage.event("Status", {**fields, "Variable": ["CTI_STATION=1001", f"CTI_IDLE={idle}"]})
        for idle in ("1", "0", "(null)")
    ]
    fact = translate.snapshot(NODE, status, [], 7.0)
    assert [channel.bridge for channel in fact.channels] == ["", "b", "b"]


def test_a_snapshot_knows_customers_from_stations_and_unset_variables_from_set_ones() -> None:
    status = [
        AmiMessage.event(
            "Status",
            {
                "Channel": "PJSIP/trunk-00000001",
                "Uniqueid": "pbx-a-1.1",
                "Context": "cti-wait",
                "ChannelStateDesc": "Up",
                "CallerIDNum": "13800138000",
                "Variable": ["CTI_NUMBER=4000", "CTI_GROUP=general", "CTI_STATION=(null)"],
            },
        ),
        AmiMessage.event(
            "Status",
            {
                "Channel": "PJSIP/1001-00000002",
                "Uniqueid": "station-1001-1",
                "Context": "cti-station",
                "BridgeID": "b",
                "ChannelStateDesc": "Up",
                "Variable": ["CTI_NUMBER=(null)", "CTI_GROUP=", "CTI_STATION=1001"],
            },
        ),
    ]
    devices = [
        AmiMessage.event("DeviceStateChange", {"Device": "PJSIP/1001", "State": "INUSE"}),
        AmiMessage.event("DeviceStateChange", {"Device": "PJSIP/1002", "State": "UNAVAILABLE"}),
    ]
    queues = [
        AmiMessage.event("QueueParams", {"Queue": "cti-fallback-general"}),
        *(
            AmiMessage.event(
                "QueueMember",
                {"Queue": "cti-fallback-general", "Location": where, "StateInterface": state},
            )
            for where, state in (
                ("Local/1001@cti-fallback-agent", "Custom:cti-1001"),
                ("Local/1002-browser@cti-fallback-agent", "PJSIP/1002-browser"),
                ("PJSIP/somebody", "PJSIP/somebody"),
            )
        ),
    ]
    fact = translate.snapshot(NODE, status, devices, 7.0, queues)
    assert fact.members == (
        s.FallbackMember("1001", "general", StationMode.PERSISTENT),
        s.FallbackMember("1002-browser", "general", StationMode.ON_DEMAND),
    )
    assert translate.snapshot(NODE, status, devices, 7.0).members is None
    customer, station = fact.channels
    assert customer.variables == {"CTI_NUMBER": "4000", "CTI_GROUP": "general"}
    assert (customer.peer_station, customer.up, customer.bridge) == ("", True, "")
    assert station.variables == {"CTI_STATION": "1001"}
    assert (station.peer_station, station.bridge) == ("1001", "b")
    assert (fact.registered, fact.taken_at) == (("1001",), 7.0)
