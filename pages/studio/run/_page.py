"""The page of a run as its tabs see it: which run it is, read from the address, and how a tab is opened."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import gradio as gr

PRIVATE: Final[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}
LONGEST: Final = 4000  # characters of an address that are read


@dataclass(frozen=True)
class Place:
    """What the address of the page says.

    Attributes:
        run: id of the run.
        beside: id of the run beside it; empty without one.
        tab: the tab that is open.
        query: every part of the address, by name.
    """

    run: str
    beside: str
    tab: str
    query: dict[str, str]

    @classmethod
    def read(cls, at: Any, first_tab: str = "see") -> "Place":
        """The place that an address names, as "?id=...&with=...&tab=..."; what it does not name is empty."""
        text = at[:LONGEST] if isinstance(at, str) else ""
        return cls.of(dict(parse_qsl(text.lstrip("?"), keep_blank_values=True)), first_tab)

    @classmethod
    def of(cls, query: Mapping[str, str], first_tab: str = "see") -> "Place":
        """The place that the parts of an address name."""
        beside = query.get("with", "")
        run = query.get("id", "")
        return cls(run, beside if beside != run else "", query.get("tab") or first_tab, dict(query))


def at_place(names: Sequence[str] = (), before: str = "") -> str:
    """JavaScript for an event's `js=`: the first input becomes the page's address, after the others were written into it.

    Args:
        names: of the inputs after the first, as they stand in the address; one without a name stays out of it, and an empty value leaves it.
        before: JavaScript that runs first.
    """
    return (
        f"(...given) => {{{before};const names = {json.dumps(list(names))}; const to = new URL(location);"
        "names.forEach((name, i) => {if (!name) return; const v = given[i + 1];"
        "if (v === null || v === undefined || v === '') to.searchParams.delete(name);"
        "else to.searchParams.set(name, Array.isArray(v) ? v.join(',') : v);});"
        "if (names.length) history.replaceState(history.state, '', to); return [to.search, ...given.slice(1)];}"
    )


def without(*names: str) -> str:
    """JavaScript, for `before` of `at_place`, that takes these out of the address."""
    return (
        f"{{const to = new URL(location); {json.dumps(names)}.forEach(name => to.searchParams.delete(name));"
        "history.replaceState(history.state, '', to);}"
    )


def of_run(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose first argument is the run that the address names, from one that takes a run's id; both may be generators."""

    def stream(at: str, *given: Any) -> Iterator[Any]:
        yield from fn(Place.read(at).run, *given)

    def answer(at: str, *given: Any) -> Any:
        return fn(Place.read(at).run, *given)

    return stream if inspect.isgeneratorfunction(fn) else answer


class RunPage:
    """The parts that all tabs share. The run of an open page never changes: another run is another address.

    Attributes:
        at: the address's query as the browser knows it; the first input of every event, which `at_place` fills in.
        secret: whose browser it is.
        openers: by the id of a tab, a button that the page itself presses when the tab is first opened.
        timer: ticks while the run works.
        status: the run and its state, which changes when it ends.
    """

    timer: gr.Timer
    status: gr.HTML

    def __init__(self, secret: gr.BrowserState, tabs: Sequence[str]) -> None:
        self.at = gr.Textbox("", visible="hidden", elem_id="run-at", label="Address", interactive=True)
        self.secret = secret
        self.openers = {tab: gr.Button(tab, visible="hidden", elem_id=f"run-open-{tab}") for tab in tabs}

    def inputs(self, *more: Any) -> list[Any]:
        """What an event of a tab sends: the address, and some widgets."""
        return [self.at, *more]

    def on_open(
        self, tab: str, fn: Callable[..., Any], outputs: Sequence[Any], *, before: str = "", **options: Any
    ) -> Any:
        """Fill in a tab when it is first opened: by a click, or as the page's address names it. See app/static/tabs.js.

        Args:
            tab: id of the tab.
            fn: takes the address's query and the browser's secret, and answers `outputs`; may be a generator.
            outputs: what it fills in.
            before: JavaScript that runs before it is asked.
            options: of the event.
        """
        return self.openers[tab].click(
            fn,
            [self.at, self.secret],
            list(outputs),
            js=at_place(before=before),
            trigger_mode="multiple",
            **(PRIVATE | options),
        )
