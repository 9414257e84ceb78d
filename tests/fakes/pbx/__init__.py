"""A PBX node in memory: it carries out effects and tells facts, as the dialplan and AMI would. Pure.

What happens is chosen by its driver, step by step, so that a property test can explore the orders:
effects wait in `effects` until `carry_out` does the oldest; facts wait in `facts`, one queue per source (a
channel, a call's question, a station, the effects' answers), and keep their order within it only. While the
link is down nothing is told, but life goes on.
"""

from tests.fakes.pbx.calling import Calling
from tests.fakes.pbx.channel import BUSY, EFFECTS, NO_ANSWER, NORMAL, OUT_OF_ORDER, Channel
from tests.fakes.pbx.noting import Noting
from tests.fakes.pbx.phones import Phones
from tests.fakes.pbx.switching import Switching
from tests.fakes.pbx.unserved import Unserved

__all__ = ["BUSY", "EFFECTS", "NORMAL", "NO_ANSWER", "OUT_OF_ORDER", "Channel", "FakePbx"]


class FakePbx(Unserved, Phones, Switching, Calling, Noting):
    """One node. `announces`: a station's channel tells its place also after a conversation."""
