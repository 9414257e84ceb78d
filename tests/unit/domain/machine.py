"""Agents, customers, phones and faults in every order hypothesis can think of, over world and fake PBX."""

from __future__ import annotations

from tests.unit.domain.life.agents import Agents
from tests.unit.domain.life.calling import Calling
from tests.unit.domain.life.consultations import Consultations
from tests.unit.domain.life.crossings import Crossings
from tests.unit.domain.life.customers import Customers
from tests.unit.domain.life.faults import Faults
from tests.unit.domain.life.phones import Phones
from tests.unit.domain.life.programs import Programs
from tests.unit.domain.life.promises import Promises
from tests.unit.domain.life.rest import Rest
from tests.unit.domain.life.talks import Talks


class Life(
    Agents, Customers, Crossings, Phones, Talks, Consultations, Calling, Faults, Programs, Promises, Rest
):
    """Everything that may happen, what must hold meanwhile, and what must come about."""
