"""Gradio's application with the checks on that mounting leaves off, and every error as one sentence."""

import logging
from typing import Any, Final

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState

from app.sessions import Session
from backends.api import languages
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr

log = logging.getLogger("lethe.studio")

UNEXPECTED: Final = later(
    "Lethe met an error that it did not expect; nothing was changed, and the server's log says more."
)
REFUSED: Final = "lethe.refused"  # set in a request's scope where what was sent is at fault, not the studio
# What a browser sends for these; Gradio passes on anything, where for the others it checks itself.
SENT: Final[dict[type, tuple[tuple[type, ...], str]]] = {
    gr.BrowserState: ((str,), "a text"),
    gr.HTML: ((str,), "a text"),
    gr.Checkbox: ((bool,), "true or false"),
    gr.Number: ((int, float), "a number"),
    gr.Slider: ((int, float), "a number"),
}


class Studio(gr.Blocks):
    """Blocks that count as launched: only then does Gradio check which files may be read, and it marks no drawing as safe."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.has_launched = True  # what `launch` would set, and mounting does not
        self.is_running = True

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> Any:
        """The values that the handler gets.

        Raises:
            gr.Error: a value is none that this part of the page can have.
        """
        try:
            for block, value in zip(block_fn.inputs, inputs, strict=False):
                check_kind(block, value)
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except LetheError as error:
            raise Refused(str(error)) from None
        except gr.Error as error:
            raise Refused(error.message) from None
        except Exception:
            raise Refused("A value of the request is none that this part of the page can have.") from None

    async def process_api(self, block_fn: BlockFunction | int, inputs: list[Any], *args: Any, **more: Any) -> Any:
        """The response to one event.

        Raises:
            gr.Error: with a sentence for the person; never the text of an error that nobody wrote for them.
        """
        languages.use(language_of(more.get("request")))
        try:
            answer = await super().process_api(block_fn, inputs, *args, **more)
            session = more.get("state")
            if isinstance(session, Session) and isinstance(block_fn, BlockFunction) and block_fn.renderable:
                session.drop_undrawn()
            return answer
        except Refused:
            _mark_refused(more.get("request"))
            raise
        except LetheError as error:
            _mark_refused(more.get("request"))
            raise Refused(str(error)) from None
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception:
            log.exception("An event failed.")
            raise gr.Error(tr(UNEXPECTED), print_exception=False) from None


class Refused(gr.Error):
    """The error of a request that cannot be done; shown to the person, and no matter for the log."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, print_exception=False)


def check_kind(block: Any, value: Any) -> None:
    """Refuse a value that no browser sends for this part of a page.

    Raises:
        BadInput: it is of another kind.
    """
    for kind, (allowed_types, words) in SENT.items():
        if isinstance(block, kind) and value is not None and type(value) not in allowed_types:
            raise BadInput(f"A value of the request is {type(value).__name__}, where {words} is needed.")


def language_of(request: Any) -> str | None:
    """The language that the address of an event's page names; the scripts of Gradio send its parts with each event."""
    query = getattr(request, "query_params", None)
    return query.get("lang") if query is not None else None


def _mark_refused(request: Any) -> None:
    """Let the door answer with 422 instead of Gradio's 500."""
    scope = getattr(getattr(request, "request", None), "scope", None)
    if isinstance(scope, dict) and REFUSED in scope:
        scope[REFUSED].append(True)
