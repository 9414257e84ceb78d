"""A caller made of bare SIP messages, for what no phone would do: it has no sound and hears none."""

import re
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialog:
    """An answered call, as a Replaces header names it (RFC 3891)."""

    call_id: str
    own_tag: str
    their_tag: str

    @property
    def replaces(self) -> str:
        """The header by which another INVITE takes its place."""
        return f"Replaces: {self.call_id};to-tag={self.their_tag};from-tag={self.own_tag}"


class RawCaller:
    """Calls one number at a node from a port of its own."""

    def __init__(self, node_sip: str, number: str = "4000") -> None:
        host, _, port = node_sip.partition(":")
        self._node, self._node_sip, self._number = (host, int(port)), node_sip, number
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._own = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Answer nothing any more."""
        self._socket.close()

    def call(self, call_id: str, *headers: str, deadline: float = 15) -> Dialog:
        """INVITE until it is answered, then ACK. Blocks; TimeoutError, or AssertionError if it is refused."""
        self._socket.settimeout(deadline)
        own_tag = f"own-{call_id}"
        self._send("INVITE", call_id, own_tag, "", headers)
        while True:
            message = self._socket.recv(65536).decode()
            status = re.match(r"SIP/2\.0 (\d+)", message)
            if status is None or int(status[1]) < 200 or f"Call-ID: {call_id}\r" not in message:
                continue
            assert status[1] == "200", message
            found = re.search(r"^To:.*;tag=(\S+)", message, re.MULTILINE)
            assert found, message
            self._send("ACK", call_id, own_tag, found[1], ())
            return Dialog(call_id, own_tag, found[1])

    def _send(
        self, method: str, call_id: str, own_tag: str, their_tag: str, headers: tuple[str, ...]
    ) -> None:
        here = "IN IP4 127.0.0.1"
        sdp = f"v=0\r\no=- 1 1 {here}\r\ns=-\r\nc={here}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
        body = sdp if method == "INVITE" else ""
        lines = [
            f"{method} sip:{self._number}@{self._node_sip} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._own};branch=z9hG4bK-{call_id}-{method}",
            f"From: <sip:13800138000@{self._own}>;tag={own_tag}",
            f"To: <sip:{self._number}@{self._node_sip}>" + (f";tag={their_tag}" if their_tag else ""),
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:x@{self._own}>",
            "Max-Forwards: 70",
            *(("Content-Type: application/sdp",) if body else ()),
            *headers,
            f"Content-Length: {len(body)}",
        ]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._node)
