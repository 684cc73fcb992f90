"""Sessions: what the server remembers of an open page, without what nobody asks for; it goes soon after the page is closed.

Gradio keeps a whole copy of the configuration for each page that was ever opened, which serves its deep links alone, and a new
object for each part that an answer touches (of the form 2.6 MB together), and never lets them go. Lethe has no deep links: its
addresses say everything. Of the parts those are kept that take other values than at first, such as a list with other choices.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from types import SimpleNamespace
from typing import Any, Final, cast

from gradio.blocks import Block, Blocks
from gradio.state_holder import SessionState, StateHolder

from backends.api.limits import limits

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

# What only the browser needs to know of a part: it changes nothing about what the server makes of a value.
SHOWN: Final = frozenset(
    {"visible", "value", "label", "info", "interactive", "open", "elem_classes", "placeholder", "render"}
)
HEARTBEAT: Final = "/gradio_api/heartbeat/"


class Session(SessionState):
    """The values and the changed parts of one open page."""

    def __init__(self, blocks: Blocks) -> None:
        none_of_them = SimpleNamespace(default_config=blocks.default_config, blocks=())
        super().__init__(cast(Blocks, none_of_them))
        self._first = blocks.default_config.blocks
        self._touched: set[int] = set()

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.pop(key, None)
        self._touched.add(key)

    def trim(self) -> None:
        """Drop the parts that are again as at first. Not at once: the answer under way is still read from them."""
        parts = self.blocks_config.blocks
        for key in self._touched:
            part, first = parts.get(key), self._first.get(key)
            if part is not None and first is not None and _takes_same_values(part, first):
                parts[key] = first
        self._touched.clear()

    def drop_undrawn(self) -> None:
        """Drop what a page drew for itself before and has drawn anew since; Gradio drops its events alone."""
        parts, drawn = self.blocks_config.blocks, set[int]()
        waiting = [parts[one.container_id] for one in self.blocks_config.renderables if one.container_id in parts]
        while waiting:
            part = waiting.pop()
            drawn.add(part._id)
            waiting += getattr(part, "children", [])
        for key in [key for key in list(parts) if key not in self._first and key not in drawn]:
            parts.pop(key, None)

    def _update_config(self, key: int) -> None:
        """Nothing to do without the copy of the configuration."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing to do without the copy of the configuration."""


def _takes_same_values(part: Block, first: Block) -> bool:
    """Whether a part takes the same values as it did at first."""
    now, then = part.constructor_args, first.constructor_args
    return type(part) is type(first) and all(now.get(name) == then.get(name) for name in {*now, *then} - SHOWN)


class Sessions(StateHolder):
    """The open pages, at most `limits().sessions`: where there are more, closed ones go first, then the longest unused."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.set_blocks(blocks)
        self._open: Counter[str] = Counter()
        self._used: dict[str, float] = {}

    def __getitem__(self, session_id: str) -> SessionState:
        self._used[session_id] = time.monotonic()
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
            self._make_room(session_id)
        return super().__getitem__(session_id)

    def connect(self, session_id: str) -> None:
        """A page holds its connection open."""
        self._open[session_id] += 1

    def disconnect(self, session_id: str) -> None:
        """A page's connection ended: the page was closed, or lost its network and may be back."""
        self._open[session_id] -= 1
        if self._open[session_id] <= 0:
            del self._open[session_id]
        if session_id in self.session_data:
            self._used[session_id] = time.monotonic()

    def delete_all_expired_state(self) -> None:
        """Called once a second by Gradio."""
        super().delete_all_expired_state()  # type: ignore[no-untyped-call]
        self.forget_closed()

    def forget_closed(self, now: float | None = None) -> None:
        """Forget the pages that were closed `limits().idle_seconds` ago and that nothing is computed for."""
        now = time.monotonic() if now is None else now
        for session_id, session in list(self.session_data.items()):
            cast(Session, session).trim()
            idle = now - self._used.get(session_id, now)
            if session_id not in self._open and idle > limits().idle_seconds and not self._busy(session_id):
                self._forget(session_id)

    def _make_room(self, newest: str) -> None:
        others = [one for one in self.session_data if one != newest]
        order = sorted(others, key=lambda one: (one in self._open, self._used.get(one, 0.0)))
        for session_id in order[: len(others) + 1 - limits().sessions]:
            self._forget(session_id)

    def _busy(self, session_id: str) -> bool:
        queue = self.blocks._queue
        waiting = queue.pending_event_ids_session.get(session_id, ())
        return any(event in queue.event_ids_to_events for event in waiting)

    def _forget(self, session_id: str) -> None:
        self.delete_state(session_id)
        self.session_data.pop(session_id, None)
        self.time_last_used.pop(session_id, None)
        self._used.pop(session_id, None)
        if not self._busy(session_id):
            queue = self.blocks._queue
            queue.pending_event_ids_session.pop(session_id, None)
            queue.pending_messages_per_session.pop(session_id, None)


class Heartbeats:
    """A middleware that notes which pages are open: each holds one connection."""

    def __init__(self, app: ASGI, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(HEARTBEAT):
            await self._app(scope, receive, send)
            return
        session_id = scope["path"].removeprefix(HEARTBEAT)
        self._sessions.connect(session_id)
        try:
            await self._app(scope, receive, send)
        finally:
            self._sessions.disconnect(session_id)
