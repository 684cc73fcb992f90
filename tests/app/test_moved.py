"""Former addresses: each leads to where its page is now."""

import pytest

from app.moved import new_address

LEADS = [
    ("/", [("run", "r1")], "run?id=r1"),
    ("/", [("run", "r1"), ("__theme", "dark")], "run?id=r1&__theme=dark"),
    ("/", [("model", "emoji-sd"), ("forget", "cat"), ("forget", "dog")], "new?model=emoji-sd&forget=cat&forget=dog"),
    ("/", [("clone", "r1")], "new?clone=r1"),
    ("/", [("new", "1")], "new"),
    ("/compare", [("run", "r1"), ("with", "r2"), ("prompt", "a cat"), ("amount", "0.5")], "run?id=r1&tab=see&with=r2&prompt=a%20cat&amount=0.5"),
    ("/compare/", [], "runs"),
    ("/look-inside", [("run", "r1"), ("inspector", "dose")], "run?id=r1&tab=inside&inspector=dose"),
    ("/playground", [("run", "r1"), ("prompt", "hi")], "run?id=r1&tab=ask&prompt=hi"),
    ("/run/r1", [("tab", "ask")], "../run?id=r1&tab=ask"),
    ("/", [], None),
    ("/", [("__theme", "dark")], None),
    ("/run", [("id", "r1")], None),
    ("/runs", [], None),
    ("/gradio_api/run/predict", [], None),
    ("/classroom/", [("run", "r1")], None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "query", "to"), LEADS)
def test_former_address_leads_to_its_page(path, query, to):
    assert new_address(path, query) == to


def test_an_address_never_leaves_the_studio():
    to = new_address("/compare", [("run", "//evil.example/x"), ("with", "https://evil.example")])
    assert to == "run?id=%2F%2Fevil.example%2Fx&tab=see&with=https%3A%2F%2Fevil.example"
