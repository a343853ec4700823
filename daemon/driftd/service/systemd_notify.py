"""What systemd is told (sd_notify(3)). Without NOTIFY_SOCKET every call is silent."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """Sends states to the service manager."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        for_me = environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
        usec = environ.get("WATCHDOG_USEC", "")
        self.watchdog_interval = int(usec) / 2e6 if for_me and usec.isdecimal() else None
        """Seconds between two signs of life, half of what the manager allows; None: nobody waits for them."""

    def send(self, *states: str) -> None:
        """Send states such as `READY=1`; a manager that does not listen is no error."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(self._address)
            sock.sendall("\n".join(states).encode())

    def ready(self, status: str) -> None:
        self.send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        self.send(f"STATUS={status}")

    def reloading(self) -> None:
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reading the settings")

    def stopping(self) -> None:
        self.send("STOPPING=1", "STATUS=stopping")

    def alive(self) -> None:
        self.send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Ask for more time to start or stop, counted from now."""
        self.send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")
