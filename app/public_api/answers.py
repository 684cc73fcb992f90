"""Asking, for programs: models and those of finished runs, by a question, an image of their data, or a prompt to draw."""

import re
from typing import Any, Final

from app import families
from app.asking import WHENS
from app.inference import LIVE
from app.public_api import _own
from backends.api import families as family_info
from backends.api.errors import BadInput
from backends.api.files import number

IMAGE: Final = re.compile(r"(train|test)-[0-9]{1,9}")
LIKELIEST: Final = 3  # classes of an answer
LONGEST: Final = 2000  # characters that are passed on; what a model reads is less, and said by who asks it


def ask(run_or_model: str, question: str) -> dict[str, Any]:
    """Ask a model a question; of a finished run the original, the unlearned and the retrained model, side by side.

    Args:
        run_or_model: id of a finished run, or of a model as list_models gives it.
        question: a question in words; of a model that looks at images an image of its data, as test-3.

    Returns:
        asked, truth (the true answer where it is known), and before, after and reference: what each model answers, as text and
        share (the probability of the true answer, a token, or of the class that is named). Of a model there is only before.
    """
    question = _short("question", question)
    family, of_run = _opened(run_or_model)
    request: dict[str, Any] = {"run_or_model": run_or_model, "reference": of_run}
    if families.has(family, "pictures"):
        raise BadInput(f"{run_or_model[:80]} draws pictures; use draw, with a prompt.")
    if families.has(family, "classes"):
        return _recognised(question, request)
    op = "answer" if families.has(family, "answers") else "ask"
    reply = LIVE.ask(op, question=question, **request)
    sides = {
        when: {"text": reply[when]["said"], "share": number(reply[when].get("share"))}
        for when in WHENS
        if when in reply
    }
    return {"asked": question, "truth": reply.get("truth", ""), **sides}


def draw(run_or_model: str, prompt: str, seed: int = 0) -> dict[str, Any]:
    """Let a model draw a prompt; of a finished run the original, the unlearned and the retrained model, from the same noise.

    Args:
        run_or_model: id of a finished run, or of a model as list_models gives it.
        prompt: what to draw, as a cat in twemoji style.
        seed: of the noise, 0 or more.

    Returns:
        prompt, seed, steps, guidance, size in pixels a side, cut (tokens at the end of the prompt that were too many to be read), seconds,
        and before, after and reference: the picture of each model, a PNG as a data address. Of a model there is only before.
    """
    prompt = _short("prompt", prompt)
    family, of_run = _opened(run_or_model)
    family_info.require(family, "pictures", run_or_model)
    reply = LIVE.ask("draw", run_or_model=run_or_model, prompt=prompt, seeds=[seed], reference=of_run)
    about = {name: reply[name] for name in ("steps", "guidance", "size", "cut", "seconds")}
    return {"prompt": prompt, "seed": seed, **about, **{when: reply[when][0] for when in WHENS if when in reply}}


def _recognised(question: str, request: dict[str, Any]) -> dict[str, Any]:
    """What models take an image of their data for."""
    if not IMAGE.fullmatch(question.strip()):
        raise BadInput(
            f"{question[:60]!r} is no image of the data; this model looks at images, so write test-3 or train-17."
        )
    reply = LIVE.ask("predict", items=[question.strip()], **request)
    (item,), names = reply["items"], reply["classes"]

    def side(shares: list[float]) -> dict[str, Any]:
        order = sorted(range(len(names)), key=lambda at: -shares[at])[:LIKELIEST]
        return {
            "text": names[order[0]],
            "share": shares[order[0]],
            "likeliest": {names[at]: shares[at] for at in order},
        }

    truth = "" if item.get("label") is None else names[item["label"]]
    return {"asked": question.strip(), "truth": truth} | {when: side(item[when]) for when in WHENS if item.get(when)}


def _opened(run_or_model: str) -> tuple[str, bool]:
    """(the family of a model or of a finished run's, whether it is a run).

    Raises:
        BadInput: there is no such model or run, or the run is not done.
    """
    family = families.of_model(run_or_model)
    if family is not None:
        return family, False
    return families.of_run(_own.finished(run_or_model, "an unlearned model to ask")), True


def _short(name: str, text: str) -> str:
    if len(text) > LONGEST:
        raise BadInput(f"The {name} has {len(text):,} characters, but at most {LONGEST:,} are allowed.")
    return text
