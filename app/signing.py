"""Signing in with an account of the Hub, on a Space whose README says hf_oauth: whose runs these are, and what is sent to one's own repository.

Nothing is kept of who is signed in: no token, and of an account only the mark that its runs are owned under.
"""

import tempfile
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import markup, permissions, unlearning_card
from app.account import account
from app.inference import LIVE
from app.notes import error_line
from backends.api import hub, runs
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr

PRIVATE: Final[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}
MODEL, CARD = "model", "card"
WHAT: Final = ((later("The model with its card"), MODEL), (later("The card alone"), CARD))
SIGN_IN: Final = later("Sign in first, with the button at the top.")
ABOUT: Final = "The card of run {run}: what a model was made to forget, what was measured, and what came back.\n"


def bar(secret: gr.BrowserState) -> None:
    """The button that signs in and out, and what has to be done when somebody has just signed in."""
    gr.LoginButton(
        tr("Sign in with Hugging Face"),
        logout_value=tr("Sign out ({})"),
        size="sm",
        scale=0,
        elem_id="sign-in",
        elem_classes="lethe-sign-in",
    )
    assert Context.root_block is not None
    Context.root_block.load(_adopt, [secret], None, queue=False, **PRIVATE)


def _adopt(browser_secret: str) -> None:
    """Give the runs that this browser started before to the account that is signed in."""
    own, signed = str(browser_secret or ""), account()
    if signed is not None and own and not hub.is_signed(own):
        hub.adopt(own, hub.secret(str(signed["sub"])))


def close(studio: gr.Blocks) -> None:
    """Keep the button's own events out of what programs may call."""
    for fn in studio.fns.values():
        if isinstance(getattr(fn.fn, "__self__", None), gr.LoginButton):
            fn.api_visibility = "private"


def send(
    run_id: str, secret: str, name: str, what: str, profile: gr.OAuthProfile | None, token: gr.OAuthToken | None
) -> Markup:
    """Send a finished run of one's own, or one that came with Lethe, to a private repository of the account that is signed in.

    Args:
        run_id: the run.
        secret: the browser's.
        name: of the repository, without the account.
        what: MODEL or CARD.
        profile: filled in by Gradio.
        token: filled in by Gradio; it goes to the Hub alone.
    """
    try:
        if profile is None or token is None:
            raise BadInput(tr(SIGN_IN))
        address = _sent(run_id, secret, hub.repository(profile.username, str(name).strip()), str(what), token.token)
    except LetheError as error:
        return error_line(str(error))
    return markup.styled(
        Markup("<p>{}</p>").format(tr("Sent to {address}.", address=markup.external(address, address)))
    )


def _sent(run_id: str, secret: str, repo: str, what: str, token: str) -> str:
    run = runs.find(run_id)
    if not run.shipped:
        permissions.for_change(run_id, secret)
    if run.result is None:
        raise BadInput(
            tr("Run {id} is {status}; only a run that is done can be sent.", id=run.id, status=tr(run.state.status))
        )
    if what not in (MODEL, CARD):
        raise BadInput(
            tr("What to send was {what!r}; it can be {model} or {card}.", what=what[:40], model=MODEL, card=CARD)
        )
    with tempfile.TemporaryDirectory(prefix="lethe-send-") as temporary:
        folder = Path(temporary) / "run"
        if what == MODEL:
            LIVE.ask("export", run=run.id, to=str(folder))
        else:
            folder.mkdir()
            (folder / hub.CARD).write_text(ABOUT.format(run=run.id), "utf-8")
        (folder / "unlearning-card.html").write_text(unlearning_card.of_id(run.id), "utf-8")
        return hub.push(folder, repo, token, run.id)
