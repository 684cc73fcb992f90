"""What a page of another site, or of another name for this machine, can do to a studio that somebody has open: nothing."""

import pytest
from starlette.websockets import WebSocketDisconnect

CHANGES = (
    "/gradio_api/upload", "/gradio_api/run/predict", "/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset",
    "/classroom/_stcore/upload_file/a/b", "/no/such/address",
)  # fmt: skip
READS = ("/", "/runs", "/config", "/healthz", "/gradio_api/info", "/vendor/plotly.min.js", "/static/img/x.svg")
SOCKET = "/classroom/_stcore/stream"
FOREIGN = (
    {"origin": "http://evil.test"},
    {"origin": "null"},
    {"origin": "http://testserver:9999"},
    {"origin": "http://localhost:9999"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://testserver"},
)


@pytest.mark.parametrize("sent", FOREIGN)
def test_a_foreign_page_changes_nothing(attacked, sent):
    before = attacked.copies()
    for address in CHANGES:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = attacked.client.request(method, address, headers=sent, content=b"{}")
            assert answer.status_code == 403 and "page of another site" in answer.text
    answer = attacked.client.post("/gradio_api/upload", files={"files": ("evil.txt", b"x")}, headers=sent)
    assert answer.status_code == 403 and attacked.copies() == before
    with pytest.raises(WebSocketDisconnect), attacked.client.websocket_connect(SOCKET, headers=sent):
        pass


def test_the_studios_own_pages_may(attacked):
    for sent in ({"origin": "http://testserver"}, {"sec-fetch-site": "same-origin"}, {}):
        answer = attacked.client.post("/gradio_api/upload", files={"files": ("mine.txt", b"mine")}, headers=sent)
        assert answer.status_code == 200


@pytest.mark.parametrize("sent", [{"origin": "http://evil.test"}, {"origin": "http://localhost:9999"}, {}])
def test_no_other_origin_may_read_an_answer_and_each_carries_the_headers(attacked, sent):
    for address in (*READS, "/no/such/address", "/gradio_api/no"):
        answer = attacked.client.get(address, headers=sent)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "frame-ancestors 'self' https://huggingface.co" in answer.headers["content-security-policy"]
        assert (
            answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "same-origin"
        )


@pytest.mark.parametrize(
    "host", ["evil.test:7860", "localhost.evil.test", "169.254.169.254", "[fe80::1]", "a b", "evil.test\\@127.0.0.1"]
)
def test_a_name_that_is_not_ours_reaches_nothing(attacked, host):
    for address in READS:
        answer = attacked.client.get(address, headers={"host": host})
        assert (
            answer.status_code == 403 and "is not served under the name" in answer.text and answer.text.count(". ") == 0
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (
        attacked.client.post("/gradio_api/upload", files={"files": ("x", b"x")}, headers={"host": host}).status_code
        == 403
    )
    with pytest.raises(WebSocketDisconnect), attacked.client.websocket_connect(SOCKET, headers={"host": host}):
        pass


def test_a_request_without_a_host_is_refused(attacked):
    answer = attacked.client.get("/", headers={"host": ""})
    assert answer.status_code == 403
