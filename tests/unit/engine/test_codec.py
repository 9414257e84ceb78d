"""What the journal keeps comes back as it was."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

import pytest

from cti_server.domain import signals as s
from cti_server.engine import codec
from cti_server.engine.codec import JournalCorrupt

BATCH: list[s.Signal] = [
    s.EpochBegan(1.5, 7),
    s.SignIn(2.0, "r", "1001", "1001", "persistent"),
    s.SetData(3.0, "q", "1001", "pbx-a-1.1", {"姓": "王", "n": 1, "nested": {"a": [None, True]}}),
    s.NodeSnapshot(
        4.0,
        "pbx-a",
        (s.ChannelFact("c", "cti-wait", "", up=True, variables={"CTI_NUMBER": "4000"}),),
        ("1001",),
    ),
    s.DirectoryLoaded(
        5.0,
        (s.AgentProfile("1001", "甲", ("agent",), {"general": 5}),),
        (s.GroupProfile("general", "综合", "General"),),
        {"4000": "general"},
        ("1001",),
    ),
]


def test_a_batch_comes_back_equal() -> None:
    assert codec.decode_batch(codec.encode_batch(BATCH)) == BATCH


def test_no_signal_is_unknown_to_the_journal() -> None:
    modules = [import_module(f"{s.__name__}.{found.name}") for found in iter_modules(s.__path__)]
    signals = {
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, s.Signal)
    }
    assert signals == set(codec._TYPES.values())


@pytest.mark.parametrize("data", [b"", b"{", b'[["Nobody", {}]]', b'[["EpochBegan", {"at": "x"}]]', b"[1]"])
def test_what_cannot_be_read_says_so(data: bytes) -> None:
    with pytest.raises(JournalCorrupt):
        codec.decode_batch(data)
    with pytest.raises(JournalCorrupt):
        codec.decode_snapshot(data)
