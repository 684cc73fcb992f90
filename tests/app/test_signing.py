"""Signing in with an account of the Hub: its runs in every browser, nothing for who is not signed in, and a token that goes to the Hub alone."""

import hashlib
import json
import logging
import sys
import types
from base64 import b64encode

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.context import LocalContext
from itsdangerous import TimestampSigner

from app import account, permissions, signing
from app.door.hosts import Hosts
from app.door.middleware import Door
from app.door.studio import Studio
from backends.api import hub, runs
from backends.api.errors import BadInput, LetheError, OutOfReach
from backends.api.spec import JobSpec
from pages.studio import _shared

KEY, TOKEN = "client-secret", "hf_oauth_SECRET"
PERSON = {
    "sub": "id-1",
    "name": "Ada",
    "preferred_username": "ada",
    "profile": "https://huggingface.co/ada",
    "picture": "",
}
TOLD = {"userinfo": PERSON, "access_token": TOKEN, "scope": "openid", "expires_at": 2**40}


@pytest.fixture
def oauth(monkeypatch):
    """A Space with an OAuth application, and of the library that talks to the Hub what Gradio needs to start."""
    monkeypatch.setenv("OAUTH_CLIENT_ID", "client")
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", KEY)
    monkeypatch.setenv("SPACE_ID", "someone/lethe")
    for name in ("CLIENT_ID", "CLIENT_SECRET", "SCOPES"):
        monkeypatch.setattr(f"gradio.oauth.OAUTH_{name}", {"CLIENT_SECRET": KEY}.get(name, "openid"))
    monkeypatch.setattr("gradio.oauth.OPENID_PROVIDER_URL", "https://hub.invalid")
    monkeypatch.setattr("gradio.oauth.get_space", lambda: "someone/lethe")
    parts = {
        "": {},
        ".integrations": {},
        ".integrations.base_client": {},
        ".integrations.base_client.errors": {},
        ".integrations.starlette_client": {},
    }
    parts[".integrations.base_client.errors"] = {"MismatchingStateError": ValueError}
    parts[".integrations.starlette_client"] = {"OAuth": lambda: types.SimpleNamespace(register=lambda **_: None)}
    for name, held in parts.items():
        module = types.ModuleType(f"authlib{name}")
        module.__dict__.update(held)
        monkeypatch.setitem(sys.modules, f"authlib{name}", module)


def cookie(told) -> str:
    """The cookie that Gradio signs for who is signed in."""
    secret = hashlib.sha256(f"{KEY}-v4".encode()).hexdigest()
    return TimestampSigner(secret).sign(b64encode(json.dumps({"oauth_info": told}).encode())).decode()


@pytest.fixture
def signed(oauth):
    """signed(told): the request that is answered comes from who is signed in so; None signs out."""
    tokens = []

    def be(told):
        scope = {"session": {"oauth_info": told} if told else {}}
        tokens.append(LocalContext.request.set(types.SimpleNamespace(request=types.SimpleNamespace(scope=scope))))

    yield be
    for token in reversed(tokens):
        LocalContext.request.reset(token)


@pytest.fixture
def put(home):
    """put(secret): a run of who has this secret."""

    def made(secret):
        return runs.create(JobSpec(model="m", method="x", forget=("a",)), runs.owner_mark(secret))

    return made


def test_an_account_owns_its_runs_in_every_browser(signed, put):
    signed(TOLD)
    run = put(account.secret_of("first browser"))
    assert permissions.may_change(run, "second browser") and _shared.mark_of("second browser") == run.state.owner
    signed(TOLD | {"userinfo": PERSON | {"sub": "id-2"}})
    assert not permissions.may_change(run, "first browser")
    signed(None)
    assert not permissions.may_change(run, "first browser")


def test_a_browser_cannot_claim_an_account(signed, put):
    signed(TOLD)
    run, secret = put(account.secret_of("")), account.secret_of("")
    signed(None)
    assert (
        not permissions.may_change(run, secret) and account.secret_of(secret) == ""
    )  # also not one that was once told
    signed(TOLD | {"expires_at": 1})
    assert account.account() is None


def test_nobody_signs_in_elsewhere(monkeypatch):
    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    monkeypatch.delenv("OAUTH_CLIENT_SECRET", raising=False)
    assert not hub.offered() and account.account() is None and account.secret_of("mine") == "mine"
    with pytest.raises(LetheError, match="Nobody can sign in here"):
        hub.key()


def test_runs_of_before_go_along(signed, put):
    mine, other = put("this browser"), put("another browser")
    signed(TOLD)
    signing._adopt("this browser")
    assert permissions.may_change(mine, "this browser") and not permissions.may_change(other, "this browser")


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a--b", "a..b", "-a", "x" * 97, "a b"])
def test_a_name_that_the_hub_does_not_take(name):
    with pytest.raises(BadInput, match="The name was"):
        hub.repository("ada", name)


@pytest.fixture
def pushed(monkeypatch):
    """The Hub: what was pushed with which token."""
    each = []

    class Hub:
        def __init__(self, token=None):
            self.token = token

        def create_repo(self, repo, **asked):
            each.append((self.token, repo, asked))

        def upload_folder(self, *, repo_id, folder_path, commit_message):
            from pathlib import Path

            each.append(
                {path.name: path.read_text("utf-8") for path in Path(folder_path).iterdir()}
                | {"repo": repo_id, "says": commit_message}
            )

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    return each


def sent(run, name="my-card", what=signing.CARD, secret="mine"):
    return str(signing.send(run, secret, name, what, gr.OAuthProfile(PERSON), gr.OAuthToken(TOKEN, "openid", 2**40)))


def test_a_card_is_sent_to_the_visitors_own_repository(signed, pushed, home, caplog, capfd):
    signed(TOLD)
    with caplog.at_level(logging.DEBUG):
        answer = sent("example-forget-sandal")
    (token, repo, asked), uploaded = pushed
    assert (token, repo, asked) == (TOKEN, "ada/my-card", {"private": True, "exist_ok": True})
    assert uploaded["repo"] == "ada/my-card" and uploaded.keys() >= {"README.md", "unlearning-card.html"}
    assert 'href="https://huggingface.co/ada/my-card"' in answer
    told = capfd.readouterr()
    kept = "".join(path.read_text("utf-8", "replace") for path in home.rglob("*") if path.is_file())
    assert TOKEN not in answer + caplog.text + told.out + told.err + kept + json.dumps(uploaded)


def test_what_is_not_ones_own_is_not_sent(signed, pushed, put, monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    other = put("another browser")
    signed(TOLD)
    assert "only be looked at here" in sent(other.id)
    assert "There is no run" in sent("nowhere") and "it can be model or card" in sent(
        "example-forget-sandal", what="all"
    )
    assert signing.SIGN_IN in str(signing.send(other.id, "mine", "x", signing.CARD, None, None))
    assert pushed == []


def test_what_the_hub_refuses_is_one_sentence_without_the_token(monkeypatch, tmp_path):
    class Refuses:
        def __init__(self, token=None): ...

        def create_repo(self, *_, **__):
            raise RuntimeError(f"403 for {TOKEN}")

    monkeypatch.setattr("huggingface_hub.HfApi", Refuses)
    with pytest.raises(OutOfReach) as refused:
        hub.push(tmp_path, "ada/x", TOKEN, "r")
    assert TOKEN not in str(refused.value) and "ada/x could not be written (403" in str(refused.value)


def test_the_cookie_of_a_signed_in_visitor_reaches_events(oauth):
    with Studio(analytics_enabled=False) as demo:
        secret = _shared.identity()
        signing.bar(secret)
        button, out = gr.Button(), gr.Textbox()
        button.click(lambda: account.secret_of("mine"), None, out, api_name="who", queue=False)
    signing.close(demo)
    assert [fn.api_name for fn in demo.fns.values() if fn.api_visibility == "public"] == ["who"]
    app = gr.mount_gradio_app(FastAPI(), demo, path="/")
    app.add_middleware(Door, hosts=Hosts("testserver"), blocks=demo)
    client = TestClient(app, base_url="https://testserver")
    (number,) = [number for number, fn in demo.fns.items() if fn.api_name == "who"]

    def who(**cookies):
        client.cookies.update(cookies)
        return client.post(
            "/gradio_api/run/predict", json={"fn_index": number, "data": [], "session_hash": "s"}
        ).json()["data"]

    assert who() == ["mine"]
    assert who(session="forged") == ["mine"]
    assert who(session=cookie(TOLD)) == [hub.secret("id-1")]
    assert client.get("/logout", follow_redirects=False).status_code == 307
    assert client.get("/login", follow_redirects=False).status_code == 404


def test_without_an_application_the_routes_are_closed(monkeypatch):
    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    with Studio(analytics_enabled=False) as demo:
        gr.HTML("")
    app = gr.mount_gradio_app(FastAPI(), demo, path="/")
    app.add_middleware(Door, hosts=Hosts("testserver"), blocks=demo)
    client = TestClient(app)
    assert [client.get(path).status_code for path in ("/login/huggingface", "/logout")] == [404, 404]
