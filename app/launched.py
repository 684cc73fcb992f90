"""The same server, started by Gradio's own `launch`, as a Gradio Space on ZeroGPU hardware wants it.

The package `spaces` replaces `gr.Blocks.launch` to start what ZeroGPU needs, so that it must be called once; `app.server.serve`, which
is the way everywhere else, never calls it.
"""

import signal
import threading
from types import FrameType
from typing import Any, Final

import gradio as gr

from app import slices
from app.inference import LIVE
from app.server import NO_DOCS, create_app
from app.supervisor import Guardian, hold_home
from backends.api import slices as api_slices
from backends.api.home import ready_home
from backends.api.slices import Work

# What `create_app` says to the studio holds for the application around it as well.
QUIET: Final[dict[str, Any]] = {
    "prevent_thread_lock": True,
    "quiet": True,
    "share": False,
    "show_error": False,
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
}


class Application(gr.Server):
    """An application that Gradio can launch, with nothing around the studio's own door.

    Attributes:
        complete: the door stands; the middlewares that `launch` adds are left out, since the studio within has them.
    """

    complete = False

    def add_middleware(self, middleware_class: Any, *args: Any, **kwargs: Any) -> None:
        if not self.complete:
            super().add_middleware(middleware_class, *args, **kwargs)


def launch(host: str = "0.0.0.0", port: int = 7860, work: Work | None = None) -> None:
    """Serve until interrupted or told to end; the engine and the live process end with it.

    Args:
        host: address to listen on.
        port: of it.
        work: does one slice of a run on a GPU that ZeroGPU lends; offered where there is ZeroGPU.

    Raises:
        LetheError: the home cannot be written, or another server works on it.
    """
    slices.LENDER.work = work if api_slices.here() else None
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signal_number, frame: _end(ended, frame))
    with hold_home(ready_home()):
        guardian = Guardian(None)
        guardian.start()
        app = Application(**NO_DOCS)
        try:
            create_app(host, app)
            app.complete = True
            guardian.start_processes()
            # `launch` sets another lifespan, in which the studio would never be started.
            app.launch(
                server_name=host, server_port=port, app_kwargs={"lifespan": app.router.lifespan_context}, **QUIET
            )
            print(f"Lethe is ready: http://127.0.0.1:{port}", flush=True)
            ended.wait()
        finally:
            guardian.stop()
            LIVE.stop()


def _end(ended: threading.Event, frame: FrameType | None) -> None:
    ended.set()
