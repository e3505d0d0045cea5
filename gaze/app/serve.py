"""``gaze app``: a server for one browser on this computer, until it is closed."""

from __future__ import annotations

import os
import socket
import threading
import webbrowser
from pathlib import Path

from calibration.errors import UserError


def serve(folder: Path, *, port: int = 0, browser: bool = True) -> None:
    """Serve the app for a folder of lessons on 127.0.0.1; returns when it is ended (Ctrl-C).

    port : 0: any that is free. browser : open it; otherwise the address is printed alone.

    Raises
    ------
    UserError : the folder is not there, another app has it open, the port is taken, or NiceGUI is
        not installed.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise UserError("there is no such folder", where=folder, remedy="Make it, or name another.")
    try:
        import uvicorn

        from gaze.app.server import make_server
    except ImportError as error:
        raise UserError(
            "`gaze app` needs NiceGUI, which is not installed",
            found=error.name,
            remedy='pip install "classroom-gaze[app]"',
        ) from error
    from gaze.app.guard import HOST
    from gaze.app.jobs import QUEUE

    alone = _alone(folder)
    listening = _listen(HOST, port)
    guard = make_server(folder, listening.getsockname()[1])
    config = uvicorn.Config(
        guard, log_level="warning", server_header=False,
        timeout_graceful_shutdown=2,  # an open page does not keep it from ending
    )  # fmt: skip
    print(f"gaze app, for this computer only: {guard.address}\nCtrl-C ends it.", flush=True)
    if browser:
        threading.Timer(0.8, webbrowser.open, [guard.address]).start()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # once all is put away
        waits = (folder / QUEUE).exists()
        print("Ended." + " What still waits goes on when it is started again." * waits)
    finally:
        os.close(alone)


def _alone(folder: Path) -> int:
    """A lock on the folder itself, so that nothing is left in it; it ends with the process.

    Two apps would both go on with the folder's queue. Where a system or share has no such lock,
    nothing is held.
    """
    opened = os.open(folder if os.name == "posix" else os.devnull, os.O_RDONLY)
    try:
        import fcntl

        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(opened)
        raise UserError(
            "this folder is open in another `gaze app`", where=folder,
            remedy="Use its page, or end it (Ctrl-C where it was started) and start again.",
        ) from error  # fmt: skip
    except (ImportError, OSError):
        pass
    return opened


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that nobody can take the port in between."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(64)  # whoever comes before the server is ready waits
    except OSError as error:
        listening.close()
        raise UserError("this port is taken", found=port, remedy="Leave --port out.") from error
    return listening
