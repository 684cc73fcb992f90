"""Programs against a studio that was started: what docs/api.md shows, and a whole job by a client of MCP."""

import contextlib
import io
import json
import re
from pathlib import Path

import apart
import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from app import public_api
from backends.api import runs, verdict

DOC = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
HERE = "http://127.0.0.1:7860"  # the address that the documentation names


def example(kind: str) -> str:
    """The documentation's example in a language."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", DOC, re.M | re.S)
    assert HERE in found
    return found


@pytest.mark.slow
def test_the_example_in_python_makes_a_model_forget(studio):
    httpx.get(f"{studio}/config", timeout=60)  # on a busy machine the first answer comes too late for the client
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(example("python").replace(HERE, studio), "docs/api.md", "exec"), {})
    lines = told.getvalue().splitlines()
    sentence = next(line for line in lines if line.startswith("It forgot Sandal"))
    assert "2,000 training images" in sentence
    assert any(re.fullmatch(r"an image of Sandal before: Sandal after: (?!Sandal).+", line) for line in lines)
    assert lines[0].startswith("Loaded as API")  # what the client says itself
    progress = lines[1 : lines.index(sentence)]  # none where the job took less than one wait
    assert all(re.fullmatch(r"[\w ]* \d+ of \d+", line) for line in progress)


@pytest.mark.slow
def test_a_client_of_mcp_makes_a_model_forget_and_asks_it(studio):
    address = json.loads(example("json").replace(HERE, studio))["mcpServers"]["lethe"]["url"]

    async def job():
        async with streamable_http_client(address) as (read, write, _), ClientSession(read, write) as session:

            async def call(name, **arguments):
                answer = await session.call_tool(name, arguments)
                assert not answer.isError, answer.content
                return json.loads(answer.content[0].text)

            assert "start_job" in (await session.initialize()).instructions
            assert [one.name for one in (await session.list_tools()).tools] == [one.name for one in public_api.CALLS]
            models = await call("list_models")
            model = next(one for one in models if one["id"] == "fashion-resnet")
            methods = await call("list_methods", model=model["id"])
            assert methods[0]["id"] == model["default_method"]
            started = await call(
                "start_job", model=model["id"], method=methods[0]["id"], forget=model["default_forget"],
                settings=methods[0]["recommended"], seed=3,
            )  # fmt: skip
            while not (now := await call("wait", run=started["run"], seconds=20))["ended"]:
                pass
            assert now["status"] == "done", now
            result = await call("result", run=started["run"])
            assert result["seed"] == 3 and result["metrics"]["unlearning_accuracy"]["after"] > 90
            seen = await call("ask", run_or_model=started["run"], question="test-3")
            assert {"before", "after", "reference"} <= seen.keys() and seen["truth"]
            wrong = await session.call_tool("wait", {"run": "../../etc"})
            assert wrong.isError and wrong.content[0].text.startswith("There is no run '../../etc'")
            drawn = await session.call_tool("draw", {"run_or_model": "emoji-sd", "prompt": "a cat", "seed": 1})
            assert [one.type for one in drawn.content] == ["text", "image"]

    apart.run(job())


def test_the_example_in_a_shell_answers(studio):
    first, second = re.findall(r"^    curl (.*)$", DOC, re.M)
    address, data = re.search(r"(http\S+).*-d '(.*)'", first).groups()
    event = httpx.post(address.replace(HERE, studio), json=json.loads(data), timeout=60).json()["event_id"]
    told = httpx.get(re.search(r"http\S+", second)[0].replace(HERE, studio).replace("EVENT_ID", event), timeout=60).text
    answer = json.loads(re.search(r"^event: complete\ndata: (.*)$", told, re.M)[1])[0]
    run = runs.find("example-forget-cat")
    assert answer["run"] == run.id and answer["sentence"] == verdict.of_run(run)


def test_the_page_for_programs_shows_every_function(studio, watched):
    for width, height in ((1280, 800), (390, 844)):
        page = watched(viewport={"width": width, "height": height}).page
        page.goto(f"{studio}/api")
        page.wait_for_selector("#api-functions #draw")
        assert page.locator("#api-functions h3 code").all_inner_texts() == [one.name for one in public_api.CALLS]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
