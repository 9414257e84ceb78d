"""Tests send traffic to this machine only."""

import ipaddress


def loopback_only(host: str) -> None:
    """ValueError unless `host` is an address of 127.0.0.0/8."""
    if ipaddress.ip_address(host) not in ipaddress.ip_network("127.0.0.0/8"):
        raise ValueError(f"{host} is not on this machine")
