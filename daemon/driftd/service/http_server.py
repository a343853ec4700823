"""The web server's thread: bound before the daemon says that it is ready, supervised, stopped within a bounded time."""

import gc
import socket
import threading
from typing import TYPE_CHECKING, Any

from driftd.errors import OperationError

if TYPE_CHECKING:
    import uvicorn

GRACE = 3  # seconds that open connections have when the daemon stops


def bind(listen: str) -> socket.socket:
    """Bind the address of `http.listen`, so that a port that is taken is an error before anything starts."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=128)
    except OSError as error:
        raise OperationError(
            f"http.listen: {listen} cannot be used: {error.strerror}",
            remedy="end the program that holds the port (`ss -ltnp` names it) or set another one",
        ) from error


def address(sock: socket.socket) -> str:
    """Return host:port as the system bound it."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class WebServer:
    """Serves an ASGI application from one thread, on a socket that outlives it."""

    def __init__(self, app: Any, sock: socket.socket) -> None:
        self._app = app
        self._socket = sock
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        import uvicorn

        # What is there now stays: collections need not look at it each time, which takes as long as a page.
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            loop="asyncio",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        arguments = {"sockets": [self._socket.dup()]}
        self._thread = threading.Thread(target=self._server.run, kwargs=arguments, name="web", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def started(self) -> bool:
        return self.alive and self._server is not None and self._server.started

    def stop(self) -> None:
        if self._server and self._thread and self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join(GRACE + 2)
        self._socket.close()
