"""Pages, configuration and scripts: made once, sent compressed, ours in what a link shows, and nothing of elsewhere in them."""

import io
import re
from pathlib import Path

import apart
import pytest
from fastapi.testclient import TestClient
from gradio import routes
from gradio.route_utils import BUILD_PATH_LIB
from PIL import Image

from app import delivery, preview_pictures, previews, server
from backends.api.home import ASSETS

PLAIN = {"Accept-Encoding": "identity", "Accept": "text/html"}
ELSEWHERE = re.compile(r'(?:src|href)\s*=\s*["\'](?:https?:)?//|url\(["\']?(?:https?:)?//|@import')


@pytest.fixture(scope="module")
def client(new_home):
    """A browser before the whole application, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(new_home()))
        patch.setenv("LETHE_HOSTS", "testserver,once.test,other.test,spaces.test")
        with TestClient(server.create_app(), headers=PLAIN) as made:
            yield made


def test_a_page_is_made_once_however_it_is_asked_for(client, monkeypatch):
    made = []
    plain = routes.templates.TemplateResponse
    monkeypatch.setattr(routes.templates, "TemplateResponse", lambda *a, **k: made.append(1) or plain(*a, **k))
    first = client.get("/", headers={"Host": "once.test"})
    for question in ("/", "/?theme=x", "/?page=runs", "/?id=example-forget-cat"):
        assert client.get(question, headers={"Host": "once.test"}).text == first.text
    assert len(made) == 1
    other = client.get("/", headers={"Host": "other.test"})
    assert '"root":"http://other.test"' in other.text and "once.test" not in other.text and len(made) == 2


def test_the_address_behind_a_proxy_is_the_proxys(client):
    behind = {"X-Forwarded-Host": "spaces.test", "X-Forwarded-Proto": "https"}
    assert '"root":"https://spaces.test"' in client.get("/compare", headers=behind).text
    assert client.get("/config", headers=behind).json()["root"] == "https://spaces.test"
    assert client.get("/config").json()["root"] == "http://testserver"


def test_every_page_is_sent_compressed_and_asked_for_once(client):
    for path, *_ in client.get("/config").json()["pages"]:
        plain = client.get(f"/{path}")
        packed = client.get(f"/{path}", headers={"Accept-Encoding": "gzip, br"})
        assert plain.status_code == packed.status_code == 200
        assert packed.headers["content-encoding"] == "gzip" and packed.text == plain.text
        assert int(packed.headers["content-length"]) * 2 < len(plain.content)
        again = client.get(f"/{path}", headers={"If-None-Match": plain.headers["etag"]})
        assert again.status_code == 304 and not again.content
        assert client.head(f"/{path}").status_code == 200


def test_a_page_of_the_configuration_is_that_page(client):
    whole, one = client.get("/config").json(), client.get("/config?page=runs").json()
    assert one["current_page"] == "runs" and len(one["components"]) < len(whole["components"])
    assert client.get("/config?page=nonsense").json() == whole


def test_scripts_are_kept_by_the_browser_and_are_what_they_were(client):
    script = re.search(r"assets/index-[\w-]+\.js", client.get("/").text)[0]
    sent = client.get(f"/{script}", headers={"Accept-Encoding": "gzip"})
    assert sent.headers["content-encoding"] == "gzip" and "immutable" in sent.headers["cache-control"]
    assert sent.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert sent.content == (Path(BUILD_PATH_LIB) / script.removeprefix("assets/")).read_bytes()
    assert client.get("/assets/no-such.js").status_code == 404
    assert client.get("/assets/../../../routes.js").status_code in (403, 404)


@pytest.mark.parametrize(
    "path", ["/gradio_api/queue/data", "/gradio_api/heartbeat/abc", "/gradio_api/file=x.json", "/svelte/x"]
)
def test_what_is_no_page_passes_untouched(path):
    """Above all streams: nothing stands between them and the browser."""
    passed = []

    async def within(scope, receive, send):
        passed.append((scope, receive, send))

    given = ({"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}, object(), object())
    apart.run(delivery.Delivery(within, {"/": ""})(*given))
    assert all(one is other for one, other in zip(passed[0], given, strict=True))


@pytest.mark.parametrize("path", ["/", "/runs", "/classroom/", "/classroom/refuse_forget_or_hide"])
def test_a_link_shows_us_and_nothing_comes_from_elsewhere(client, path):
    page = client.get(path).text
    for theirs in ("Click to try out the app!", "raw.githubusercontent.com", "@teamGradio", "@Gradio", "gradio.app"):
        assert theirs not in page
    card = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', page))
    assert card["og:title"] == card["twitter:title"] != "" and card["og:description"] and "Lethe" in page
    assert card["twitter:card"] == "summary_large_image"
    assert card["og:image"] == card["twitter:image"] == "http://testserver/vendor/preview.png"
    assert len(re.findall('"og:title"', page)) == 1
    assert not ELSEWHERE.search(page.partition("window.gradio_config")[0])
    picture = client.get("/vendor/preview.png")
    assert picture.headers["content-type"] == "image/png" and picture.content[:4] == b"\x89PNG"


def test_nothing_in_the_configuration_is_loaded_from_elsewhere(client):
    config = client.get("/config").json()
    assert config["stylesheets"] == [] and not ELSEWHERE.search(config["head"].replace("\\", ""))


def card_of(client, path):
    return dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', client.get(path).text))


def first_of(page):
    """The first view in a page, as it is sent."""
    return page.partition('<div id="lethe-first"')[2].rpartition("</body>")[0]


def test_a_finished_runs_page_comes_with_what_see_begins_with(client):
    from pages.studio.run import _see

    first = first_of(client.get("/run?id=example-forget-cat").text)
    board, numbers, *_ = next(_see.opened("?id=example-forget-cat"))
    assert len(board) > 1000 and board in first and numbers in first and "lethe-mark-card" in first
    assert "inert" in first and '<a href="./runs">Runs</a>' in first and first.count("<h1>") == 1
    assert first_of(client.get("/run?id=example-forget-sandal").text) != first
    assert 'class="active">Home' in first_of(client.get("/").text)


@pytest.mark.parametrize(
    "path",
    [
        "/run",
        "/run?id=no-such-run",
        "/run?id=emoji-sd",
        "/run?id=example-forget-cat&tab=ask",
        "/run?id=example-forget-cat&step=2",
        "/run?id=example-forget-cat&with=example-forget-sandal",
        "/runs",
        "/new",
    ],
)
def test_what_depends_on_more_than_the_run_has_no_first_view(client, path):
    page = client.get(path)
    assert page.status_code == 200 and first_of(page.text) == ""


def test_a_run_that_cannot_be_drawn_is_left_to_the_page(client, monkeypatch):
    from pages.studio.run import _see

    monkeypatch.setattr(_see, "first", lambda run: {}["samples"])
    page = client.get("/run?id=example-forget-cat")
    assert page.status_code == 200 and first_of(page.text) == "" and "gradio-app" in page.text


def test_the_styles_of_a_first_view_are_those_of_the_page(client):
    address = re.search(r'<link rel="stylesheet" href="(/vendor/first.css[^"]*)">', client.get("/").text)[1]
    styles = client.get(address)
    assert styles.headers["content-type"].startswith("text/css") and not ELSEWHERE.search(styles.text)
    assert ".lethe-board" in styles.text and "#lethe-first" in styles.text
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.text == styles.text


@pytest.mark.parametrize("path", ["/run?id=example-forget-sandal", "/?run=example-forget-sandal"])
def test_the_link_of_a_run_says_what_came_out(client, path):
    card = card_of(client, path)
    assert "Sandal" in card["og:title"] and card["og:description"].startswith("It forgot Sandal")
    assert card["og:image"] == card["twitter:image"] == "http://testserver/vendor/preview/example-forget-sandal.png"
    unknown = client.get("/run?id=%22%3E<script>").text
    assert unknown == client.get("/run").text


def test_the_picture_of_a_link_is_made_of_the_pictures_of_that_run(client):
    pictures = {}
    for name in ("forget-cat", "forget-sandal", "author-forgotten"):
        sent = client.get(f"/vendor/preview/example-{name}.png")
        assert sent.headers["content-type"] == "image/png" and len(sent.content) < 300_000
        pictures[name] = Image.open(io.BytesIO(sent.content)).convert("RGB")
        assert pictures[name].size == (1200, 630)
    folder = ASSETS / "runs" / "example-forget-cat" / "samples"
    side, places = preview_pictures.SIDE, (preview_pictures.LEFT, preview_pictures.RIGHT)
    for left, moment in zip(places, ("00-000000", "02-000000"), strict=True):
        part = pictures["forget-cat"].crop((left, 220, left + side, 220 + side))
        drawn = (
            Image.open(folder / moment / "forget-1.png").convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        )
        assert part.tobytes() == drawn.tobytes()
    plain = client.get("/vendor/preview.png").content
    for lost in ("no-such-run", "..%2f..%2fetc", "20260101-000000-alice"):
        assert client.get(f"/vendor/preview/{lost}.png").content in (plain, client.get("/vendor/x.png").content)


def test_a_title_of_a_stranger_stays_text():
    shown = previews.meta_tags("http://x", previews.Preview('"><script>alert(1)</script>', "a & b"))
    assert "<script>" not in shown and "a &amp; b" in shown
    twice = previews.with_preview(f"<head><style></style>{shown}<script>1", "http://x", None)
    assert twice.count("og:title") == 1 and "alert" not in twice


def test_an_address_that_leads_nowhere(client):
    page = client.get("/no-such-page/<b>")
    assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
    assert 'href="../"' in page.text and "<b>" not in page.text and "/no-such-page/&lt;b&gt;" in page.text
    for path in ("/gradio_api/nothing", "/assets/nothing.js"):
        assert client.get(path).json()["detail"]
        assert client.get(path).status_code == 404
    program = client.get("/no-such-page", headers={"Accept": "application/json"})
    assert program.status_code == 404 and program.json() == {"detail": "Not Found"}


def test_kept_answers_have_a_limit(client, monkeypatch):
    monkeypatch.setattr(delivery, "CACHE_BYTES", 2500)
    one = delivery.Delivery(lambda *_: None, {})
    for number in range(5):
        one._store(delivery.CacheKey("/", f"http://{number}"), delivery.Packed(b"x" * 1000, "text/html", "m"))
    assert [key.root for key in one._cache] == ["http://3", "http://4"]
    one._store(delivery.CacheKey("/", "http://" + "x" * 400), delivery.Packed(b"x", "text/html", "m"))
    one._store(delivery.CacheKey("/", "http://5"), delivery.Packed(b"x" * 3000, "text/html", "m"))
    assert [key.root for key in one._cache] == ["http://3", "http://4"]


def test_lessons_are_told_where_their_server_is(client):
    page = client.get("/classroom/refuse_forget_or_hide", headers={"Accept-Encoding": "gzip"}).text
    assert page.index("BACKEND_BASE_URL") < page.index('<script type="module"')
