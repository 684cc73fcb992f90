"""Finished runs, for programs: marks, numbers, verdict, what the models make of the same items, the card, and whether it comes back."""

from collections.abc import Mapping
from typing import Any, Final

from app import board, comeback, families, markup, run_results, unlearning_card
from app.figures.training import class_name, sure
from app.figures.watching import is_chat, is_drawing
from app.looks import LOOKS, Look
from app.public_api import _own
from backends.api import catalog, court, runs, stage_words
from backends.api import verdict as verdicts
from backends.api.errors import LetheError
from backends.api.files import number
from backends.api.runs import RunFolder

NUMBERS: Final = {"title", "before", "after", "reference", "unit", "direction"}
NO_REFERENCE: Final = "There is no retrained reference for this forget set."
NOT_TESTED: Final = "not tested"


def result(run: str) -> dict[str, Any]:
    """The result of a finished run: the three marks and every metric, each with its controls.

    Args:
        run: id of the run.

    Returns:
        run, model, method, forget, keep, settings, seed, seconds, device, sentence (the verdict), marks (forgotten, rest intact, really
        gone: each with word, number, beside and rule) and metrics by id: after, of the unlearned model, with its controls before, of the
        original, and reference, of a model that was trained without the forget set (null where there is none); direction says what is
        better, and null is not measured.
    """
    folder = _own.finished(run, "a result")
    told = folder.result or {}
    spec = folder.spec
    metrics = {name: one.model_dump(include=NUMBERS) for name, one in run_results.metrics_of(folder).items()}
    return {
        "run": folder.id, "model": spec.model, "method": spec.method, "forget": spec.forgotten, "keep": spec.keep,
        "settings": told.get("params", {}), "seed": spec.seed, "seconds": told.get("seconds"), "device": told.get("device"),
        "sentence": verdicts.of_run(folder), "marks": _marks(folder), "metrics": metrics,
    }  # fmt: skip


def verdict(run: str) -> dict[str, Any]:
    """The verdict on a finished run: one sentence from its numbers, the three marks, and what the attacks on it say together.

    Args:
        run: id of the run.

    Returns:
        run, sentence, marks as in result, word (erased, hidden, still there, filter, damaged, never knew, cannot tell, or not tested
        where no attack was made), reasons, settles (what would settle it) and tests (every attack with what it brought back).
    """
    folder = _own.finished(run, "a verdict")
    said = {"run": folder.id, "sentence": verdicts.of_run(folder), "marks": _marks(folder)}
    return said | _judged(court.of_run(folder))


def compare(run: str) -> dict[str, Any]:
    """What the original, the unlearned and the retrained model make of the same few items: pictures, answers or recognised classes.

    Args:
        run: id of the run.

    Returns:
        run, forget, note (why there is no retrained model, if so) and items: each with id, role (forget, neighbour or unrelated), asked
        (what the models were asked), picture (what they were shown, where they look at pictures), and before, after and reference: text
        (what the model said or recognised), picture (what it drew) and share (how sure it is of what is true, or a judge that the
        picture shows what was asked, 0 to 1). Pictures are data addresses.
    """
    folder = _own.finished(run, "samples before and after")
    samples, retrained, note = folder.samples(), list[Mapping[str, Any]](), ""
    chosen = board.chosen(samples) if samples and samples[0].get("items") else []
    try:
        retrained = list(families.view_of(folder).reference(folder, chosen))
        note = "" if retrained else NO_REFERENCE
    except LetheError as error:
        note = str(error)
    after = {item["id"]: item for item in samples[-1]["items"]} if samples else {}
    reference = {item["id"]: item for item in retrained}
    names = run_results.class_names(folder)

    def side(item: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if item is None else _side(folder, dict(item), names)

    items = [
        {"id": item["id"], "role": item["role"], "asked": _asked(item, names), "picture": _shown(folder, item)}
        | {"before": side(item), "after": side(after.get(item["id"])), "reference": side(reference.get(item["id"]))}
        for item in chosen
    ]
    return {"run": folder.id, "forget": folder.spec.forgotten, "note": note, "items": items}


def card(run: str) -> dict[str, Any]:
    """The unlearning card of a finished run: all that was done, measured and tested, with settings, versions, hashes and how to repeat it.

    Args:
        run: id of the run.

    Returns:
        The card, as the file that the studio offers on the page of the run.
    """
    return unlearning_card.document(_own.finished(run, "a card"))


def test(run: str, deep: bool = False, secret: str = "") -> dict[str, Any]:
    """Attack a finished run to see whether what it forgot comes back, or say how far that is, or what was found. Call it again until ended.

    Args:
        run: id of the run.
        deep: make every attack that fits, which takes minutes; else those that take seconds.
        secret: who you are where strangers share the studio, as in start_job. Tests of somebody else's run are kept for you alone.

    Returns:
        run, state (waiting, working, done, failed or cancelled), ended, phase with step of steps, before (sets of tests that are made
        first), error (why it failed), failed (attacks that failed, each with why), and word, reasons, settles and tests as in verdict.
    """
    folder = _own.finished(run, "tests")
    secret = _own.checked(secret)
    owner = runs.owner_mark(secret)
    wanted = next(one.id for one in catalog.TESTS if one.deep == deep)
    look = LOOKS.of(folder.id, wanted, owner)
    made = comeback.all_done(folder, owner, look) if deep else comeback.quick_done(folder, owner)
    if not made and (look is None or (look.state in ("failed", "cancelled") and look.viewed)):
        look = LOOKS.ask(folder.id, wanted, {}, runs.owner_mark(_own.checked(secret, needed=True)))
    said = {"run": folder.id} | _standing(look)
    return said | _judged(comeback.judgement(folder, comeback.attacks_on(folder, owner)))


def _standing(look: Look | None) -> dict[str, Any]:
    """How a set of tests stands; without one, it was made before."""
    if look is None:
        return {
            "state": "done",
            "ended": True,
            "phase": "",
            "step": 0,
            "steps": 0,
            "before": 0,
            "error": "",
            "failed": {},
        }
    if not look.pending:
        look.viewed = True
    return {
        "state": look.state, "ended": not look.pending, "phase": look.phase, "step": look.done, "steps": look.of,
        "before": LOOKS.before(look) if look.state == "waiting" else 0, "error": look.error, "failed": dict(look.failed),
    }  # fmt: skip


def _judged(judgement: court.Judgement | None) -> dict[str, Any]:
    if judgement is None:
        return {"word": NOT_TESTED, "reasons": [], "settles": "", "tests": []}
    document = court.as_document(judgement)
    return {**document["verdict"], "tests": document["tests"]}


def _marks(run: RunFolder) -> list[dict[str, str]]:
    """The three marks, each an answer with the number behind it and the rule."""
    return [
        {"question": question, "word": mark.word, "number": mark.number, "beside": mark.beside, "rule": mark.rule}
        for question, mark in zip(stage_words.questions(run), verdicts.marks_of(run), strict=True)
    ]


def _asked(item: dict[str, Any], names: list[str]) -> str:
    """What the models were asked about an item."""
    if is_drawing(item):
        return str(item["prompt"])
    return str(item["question"]) if is_chat(item) else f"an image of {class_name(names, item['label'])}"


def _shown(run: RunFolder, item: dict[str, Any]) -> str:
    """The picture that the models were shown; empty where they were shown none."""
    return "" if is_drawing(item) or is_chat(item) else markup.data_uri(run.path, f"samples/items/{item['id']}.png")


def _side(run: RunFolder, item: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What one model makes of an item."""
    if is_drawing(item):
        return {"text": "", "picture": markup.data_uri(run.path, str(item.get("picture", ""))), "share": sure(item)}
    if is_chat(item):
        return {"text": item["said"], "picture": "", "share": sure(item)}
    shares = [number(one) for one in item["probabilities"]]
    best = class_name(names, max(range(len(shares)), key=lambda at: shares[at]))
    return {"text": best, "picture": "", "share": sure(item)}
