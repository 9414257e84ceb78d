"""What SIPp complains of, as it writes it."""

from pathlib import Path

from cti_server.simulate.sipp import Sipp

ERRORS = """\
sipp: The following events occurred:
Aborting call on unexpected message for Call-Id '1-2@127.0.0.1': \
while expecting '200' (index 6), received 'SIP/2.0 500 Server Internal Error
Via: SIP/2.0/UDP 127.0.0.1:22000
'.
Aborting call on unexpected message for Call-Id '2-2@127.0.0.1': \
while expecting '200' (index 6), received 'SIP/2.0 500 Server Internal Error
'.
Discarding message which can't be mapped to a known SIPp call:
SIP/2.0 200 OK
"""


def test_refusals_are_counted_by_status(tmp_path: Path) -> None:
    sipp = Sipp("127.0.0.1:5060", {}, [], [])
    sipp.folder = tmp_path
    assert sipp.refused() == {}
    (tmp_path / "errors.log").write_text(ERRORS)
    assert sipp.refused() == {"500 Server Internal Error": 2}
