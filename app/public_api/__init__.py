"""What programs can do here: typed functions, called over HTTP or as tools over MCP, through the same doors as the pages.

`listing`, `jobs`, `finished` and `answers` hold the functions; a function's name, type hints and docstring are its interface, and
`docs/api.md` lists them. `calling` checks what comes, and `mcp` serves the same functions as tools. Whose a job is says a secret that
the caller gives or gets, as a browser keeps one for the pages.
"""

from typing import Final

from app.public_api import answers, finished, jobs, listing
from app.public_api.calling import Call

CALLS: Final[tuple[Call, ...]] = tuple(
    Call(function)
    for function in (
        listing.list_models, listing.list_methods, listing.list_attacks, jobs.start_job, jobs.wait, jobs.cancel, finished.result,
        finished.verdict, finished.compare, finished.card, finished.test, answers.ask, answers.draw,
    )
)  # fmt: skip


def get(name: str) -> Call | None:
    """The function of that name; None where there is none."""
    return next((one for one in CALLS if one.name == name), None)


def add(most: int = 4) -> None:
    """Add the functions to the Gradio application that is being built; nothing else of it is public.

    Args:
        most: calls of one function that are answered at once. Those that wait hold no thread, so of them as many as may wait.
    """
    from gradio.events import api

    for one in CALLS:
        api(one.gradio, api_name=one.name, queue=False, concurrency_limit=jobs.WAITING if one.waits else most)
