"""A stamped signal differs in its time alone."""

from dataclasses import fields, replace

import pytest

from cti_server.domain import signals as s
from cti_server.engine.stamping import stamped

KINDS = [kind for kind in vars(s).values() if isinstance(kind, type) and issubclass(kind, s.Signal)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_but_the_time_stays(kind: type[s.Signal]) -> None:
    signal = kind(*[index for index, _ in enumerate(fields(kind))])
    assert stamped(signal, 7.5) == replace(signal, at=7.5)
