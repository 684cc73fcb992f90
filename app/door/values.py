"""The body that a request to an event may have. Checked before Gradio sees it, for every event and every component alike."""

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from backends.api.errors import BadInput

LONGEST_SESSION: Final = 100  # characters; Gradio's own have 11
DEEPEST: Final = 30  # lists and objects within each other; what a page sends has 6
MOST_PLACES: Final = 1_000_000
FILE: Final = "gradio.FileData"


@dataclass(frozen=True)
class Event:
    """The shape of one event of the studio: how many values, and whether it asks what happened, or which place was chosen."""

    inputs: int
    needs_event_data: bool = False
    selects: bool = False


@dataclass(frozen=True)
class Function:
    """The shape of one public function of the studio: the names of its arguments, and of those that it needs."""

    arguments: tuple[str, ...]
    needed: tuple[str, ...] = ()


def check_call(body: bytes, name: str, functions: Mapping[str, Function]) -> bytes:
    """The call of a public function as it may be passed on: an object with its arguments by name. What they hold it checks itself.

    Args:
        body: the request as it came.
        name: of the function.
        functions: those there are, by name.

    Raises:
        BadInput: one sentence says what is wrong.
    """
    function = functions.get(name)
    if function is None:
        raise BadInput(f"There is no function {name[:60]!r}; there are {', '.join(sorted(functions))}.")
    request = _read_object(body)
    takes = f"{name} takes {', '.join(function.arguments) or 'no arguments'}."
    if unknown := [one for one in request if one not in function.arguments]:
        raise BadInput(f"There is no argument {unknown[0][:60]!r}; {takes}")
    if missing := [one for one in function.needed if one not in request]:
        raise BadInput(f"{name} was given no {missing[0]}; {takes}")
    if any(files_in(request)):
        raise BadInput(f"A value of the request stands for a file, and {name} takes none.")
    return orjson.dumps(request)


def check_body(
    body: bytes,
    events: Mapping[int, Event],
    uploads: Path,
    rendered: Callable[[str], Mapping[int, Event]] | None = None,
) -> bytes:
    """The request to an event as it may be passed on: what was checked, written anew, so that nobody reads it otherwise.

    Args:
        body: the request as it came.
        events: the studio's events by number.
        uploads: the folder that holds what visitors sent.
        rendered: a session -> the events of what was drawn for it alone.

    Raises:
        BadInput: one sentence says what is wrong; no value of the request that could name a file is repeated.
    """
    request = _read_object(body)
    session = request.get("session_hash")
    more = rendered(session) if rendered is not None and isinstance(session, str) else {}
    _check_shape(request, ChainMap(dict(more), dict(events)))
    if any(not is_upload(one, uploads) for one in files_in(request)):
        raise BadInput("The request names a file that was not uploaded here; upload it first.")
    return orjson.dumps(request)


def _read_object(body: bytes) -> dict[str, Any]:
    """The object that a request holds.

    Raises:
        BadInput: it holds none.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadInput("The request is no JSON that can be read; an object is needed.") from None
    if not isinstance(request, dict):
        raise BadInput("The request must be a JSON object.")
    return request


def _check_shape(request: dict[str, Any], events: Mapping[int, Event]) -> None:
    number, data = request.get("fn_index"), request.get("data")
    event = events.get(number) if type(number) is int else None
    if event is None:
        raise BadInput(
            "The request names no event of this studio (fn_index), or one of a page that it no longer knows, as after a new start or "
            "a long rest; open the page again."
        )
    if not isinstance(data, list) or len(data) < event.inputs:
        raise BadInput(f"This event needs a list of {event.inputs} values as data.")
    _check_event_data(request.get("event_data"), event)
    session = request.get("session_hash")
    if session is not None and (not isinstance(session, str) or not 0 < len(session) <= LONGEST_SESSION):
        raise BadInput(f"session_hash must be a text of 1 to {LONGEST_SESSION} characters.")
    if request.get("batched"):
        raise BadInput("No event of this studio takes a batch.")
    if not isinstance(request.get("trigger_id"), int | None):
        raise BadInput("trigger_id must be a whole number.")


def _check_event_data(event_data: Any, event: Event) -> None:
    if event.needs_event_data and not isinstance(event_data, dict):
        raise BadInput("This event needs an object as event_data.")
    if event.selects:
        index = event_data.get("index")
        places = index if isinstance(index, list) else [index]
        if "value" not in event_data or not all(type(place) is int and 0 <= place < MOST_PLACES for place in places):
            raise BadInput("This event needs the index and the value of what was chosen as event_data.")


def files_in(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a value, however deep, that Gradio could take for a file of the server.

    Raises:
        BadInput: it is deeper than anything that a page sends.
    """
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise BadInput(f"The request holds more than {DEEPEST} lists and objects within each other.")
        if isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one if isinstance(inner, list | dict)]
        elif isinstance(one, dict):
            if "path" in one or _is_file_data(one):
                yield one
            waiting += [(inner, depth + 1) for inner in one.values() if isinstance(inner, list | dict)]


def _is_file_data(one: dict[str, Any]) -> bool:
    meta = one.get("meta")
    return isinstance(meta, dict) and meta.get("_type") == FILE


def is_upload(one: dict[str, Any], uploads: Path) -> bool:
    """Whether the value stands for a plain file in the folder of uploads, reached through no link out of it."""
    path, url = one.get("path"), one.get("url")
    if not isinstance(path, str) or one.get("is_stream"):
        return False
    if url is not None and not (isinstance(url, str) and "/gradio_api/file=" in url):
        return False
    try:
        real = Path(path).resolve()
        return Path(path).is_absolute() and real.is_relative_to(uploads.resolve()) and real.is_file()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
        return False
