"""A port is known to be this process's own."""

import os
import socket
import subprocess

from asterisk_config.sockets import listens


def test_own_ports_and_nobody_elses() -> None:
    child = subprocess.Popen(["sleep", "30"])
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ):
            datagrams.bind(("127.0.0.1", 0))
            tcp, udp = server.getsockname()[1], datagrams.getsockname()[1]
            assert listens(os.getpid(), tcp, "tcp")
            assert listens(os.getpid(), udp, "udp")
            assert not listens(child.pid, tcp, "tcp")
    finally:
        child.kill()
        child.wait()


def test_a_connection_is_no_listener() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert not listens(os.getpid(), client.getsockname()[1], "tcp")


def test_a_process_that_is_gone_listens_nowhere() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert not listens(child.pid, 80, "tcp")
