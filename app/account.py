"""Whose request is answered: an account of the Hub where somebody is signed in, else a browser.

Who is signed in stands in a cookie that the Space signs, and is read of each request; nothing of it is kept.
"""

from collections.abc import Mapping
from typing import Any

from gradio.context import LocalContext
from gradio.oauth import _get_valid_oauth_info_from_session as valid_info

from backends.api import hub


def account() -> Mapping[str, Any] | None:
    """What the Hub told of the visitor whose request is answered; None where nobody is signed in, or nobody can."""
    if not hub.offered():
        return None
    request = LocalContext.request.get(None)
    inner = getattr(request, "request", None) or request
    scope = getattr(inner, "scope", None)
    session = scope.get("session") if isinstance(scope, dict) else None
    info = valid_info(session) if session else None
    who = info.get("userinfo") if info else None
    return who if isinstance(who, Mapping) and who.get("sub") else None


def secret_of(browser_secret: str | None) -> str:
    """The secret that runs are owned under: that of the account that is signed in, else the browser's own.

    A browser cannot claim an account: what looks like the secret of one counts for nothing.
    """
    who = account()
    if who is not None:
        return hub.secret(str(who["sub"]))
    own = str(browser_secret or "")
    return "" if hub.is_signed(own) else own
