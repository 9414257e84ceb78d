"""`cti doctor`: looks at everything a server needs and says how to mend what is wrong; changes nothing."""

from cti_server.doctor.examination import examine
from cti_server.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
