"""The whole application as a stranger meets it, in both modes; what asks a model is answered with a sentence instead."""

import pytest
import rendered
from canary import CANARY
from fastapi.testclient import TestClient

from app import server
from app.inference import Answers
from backends.api.errors import LetheError


def uploads(folder):
    """Where the server keeps what visitors send."""
    return folder / "home" / "cache" / "uploads"


DRAWN = {
    "drawn": {},
    "drawn-words": {"model": "authors-lm", "method": "idk"},
    "drawn-pictures": {"model": "emoji-sd", "method": "forget_me_not"},
}  # sessions with the model and the method that are chosen in each: every kind of setting is drawn in one of them


class Attacked:
    """One server, its studio, and the folders that an attack could reach."""

    def __init__(self, client, folder):
        self.client, self.folder, self.canary = client, folder, folder / "private" / "canary.txt"
        self.uploads = uploads(folder)
        self.inner = client.app.routes[-1].app
        self.studio = self.inner.get_blocks()

    def events(self):
        """The studio's events that its server answers: number, event, and a session whose page has it."""
        fixed = [(number, fn, f"fixed{number}") for number, fn in self.studio.fns.items() if fn.fn is not None]
        return fixed + [(number, fn, session) for number, fn, session in self.drawn() if fn.fn is not None]

    def drawn(self):
        """The events that a page draws for one session alone, as `events` gives them."""
        events = []
        for session, chosen in DRAWN.items():
            state = self.studio.state_holder[session]
            if not rendered.events(state):
                rendered.draw(self.studio, state, lambda part, by=chosen: by.get(part.elem_id, rendered.value(part)))
            events += [(number, fn, session) for number, fn in rendered.events(state).items()]
        assert len({session for *_, session in events}) == len(DRAWN)
        return events

    def names(self, text):
        """Whether a text names a place of this server."""
        return any(str(place) in text for place in (self.folder, server.ROOT, "/proc/", "/etc/", "/dev/"))

    def copies(self):
        """Every file in the folder of uploads."""
        return {path for path in self.uploads.rglob("*") if path.is_file()}


def _around(patch, folder, mode):
    """What a server in this mode finds around itself; nothing of it stays for tests of other things."""

    def unasked(*_, **__):
        raise LetheError("No model is asked here.")

    patch.setenv("LETHE_HOME", str(folder / "home"))
    patch.setenv("GRADIO_TEMP_DIR", str(uploads(folder)))
    patch.setenv("LETHE_SHARED", "1" if mode == "shared" else "0")
    patch.delenv("SPACE_ID", raising=False)
    patch.setattr(Answers, "ask", unasked)
    patch.setattr(Answers, "stream", unasked)


@pytest.fixture(scope="session", params=["local", "shared"])
def built(request, tmp_path_factory, new_home):
    """A server in one of the two modes; one a mode for all attacks."""
    folder = tmp_path_factory.mktemp(f"attacked-{request.param}")
    new_home().rename(folder / "home")
    (folder / "private").mkdir()
    (folder / "private" / "canary.txt").write_text(CANARY)
    uploads(folder).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        _around(patch, folder, request.param)
        client = TestClient(server.create_app(), raise_server_exceptions=False)
        client.__enter__()
    yield Attacked(client, folder), request.param
    client.__exit__(None, None, None)


@pytest.fixture
def attacked(built, home, monkeypatch):
    """The server, in its mode."""
    there, mode = built
    _around(monkeypatch, there.folder, mode)
    return there
