"""Commands about finished runs and models: look inside, try to bring it back, ask, take away."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from app import terminal
from app.commands import Json, RunId, Seed, Settings
from backends.api.errors import BadInput

LARGEST = 20 * 2**20  # bytes of an image file
SHOWN = 5  # classes that are told to a person; --json has all


def _ask(op: str, **args: Any) -> Any:
    """One question to a process that holds the models."""
    from backends.api.live import Live

    live = Live()
    try:
        return live.ask(op, **args)
    finally:
        live.stop()


def _stream(op: str, **args: Any) -> Iterator[Any]:
    """The answer of such a process as it grows, piece by piece; the last piece is complete."""
    from backends.api.live import Live

    live = Live()
    try:
        yield from live.stream(op, **args)
    finally:
        live.stop()


def _run_entry(kind: str, op: str, run_id: str, entry_id: str, settings: list[str] | None, json: bool) -> None:
    from app import finished
    from backends.api import catalog, params

    run = finished.find(run_id)
    listed = catalog.load().get(kind, entry_id)
    overrides = dict(params.from_text(listed.id, listed.params, text) for text in settings or [])
    entry, complete = finished.request(kind, entry_id, overrides)
    terminal.say(entry.line)
    findings = _ask(op, run=run.id, **{op_argument(op): entry.id}, params=complete, joins=True)
    if json:
        terminal.document(findings)
        return
    for panel in findings["panels"]:
        terminal.result(panel["title"])
        terminal.result(f"  {panel.get('says') or panel['how']}")


def op_argument(op: str) -> str:
    """The name under which a live operation takes its inspector or attack."""
    return "inspector" if op == "inspect" else "attack"


def inspect(
    run: RunId,
    inspector: Annotated[str, typer.Argument(help="An inspector, as `lethe catalog` lists them.")],
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Look inside a finished run: which weights moved, what the model attends to, and so on."""
    _run_entry("inspectors", "inspect", run, inspector, settings, json)


def attack(
    run: RunId,
    attack: Annotated[str, typer.Argument(help="An attack, as `lethe catalog` lists them.")],
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Try to bring back what a finished run made the model forget."""
    _run_entry("attacks", "attack", run, attack, settings, json)


def test(
    run: RunId,
    deep: Annotated[bool, typer.Option("--deep", help="Try the attacks that take minutes too.")] = False,
    json: Json = False,
) -> None:
    """Try to bring back what a finished run made the model forget, in every way there is, and say whether it is really gone."""
    from app import finished
    from backends.api import court

    tested = finished.find(run)
    tried = _follow(_stream("test", run=tested.id, deep=deep, joins=True))
    for name, sentence in tried["failed"].items():
        terminal.say(f"{name}: {sentence}")
    judgement = finished.judgement(tested, tried)
    if json:
        terminal.document({"run_id": tested.id} | court.as_document(judgement) | tried)
        return
    _print_judgement(judgement)


def _follow(pieces: Iterator[Any]) -> dict[str, Any]:
    """Tell how far a live operation is, each phase once. Returns what it ends with."""
    phase, piece = "", {}
    for piece in pieces:
        if piece.get("phase", phase) != phase:
            phase = piece["phase"]
            terminal.say(phase)
    return piece


def _print_judgement(judgement: Any) -> None:
    """The word, why, what would settle it, and every test."""
    from app import finished
    from backends.api import court

    terminal.result(f"{judgement.word[:1].upper()}{judgement.word[1:]}.")
    for sentence in (*judgement.reasons, judgement.settles):
        if sentence:
            terminal.result(sentence)
    terminal.result("")
    for line in terminal.table(finished.TEST_HEADS, finished.test_rows(judgement)):
        terminal.result(line)
    titles = court.names()
    for one in judgement.tests:
        if one.why:
            terminal.result(f"{titles.get(one.attack, one.attack)}: {one.why}")


def card(
    run: RunId,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="A file that ends in .html, or in .json for the numbers alone."),
    ] = None,
    json: Json = False,
) -> None:
    """Write the unlearning card of a finished run: what was done, measured and tested, in one file that opens offline."""
    from app import finished, unlearning_card

    done = finished.find(run)
    if to is None and not json:
        raise BadInput("No file was named to write to; give --to with one that ends in .html or .json, or --json.")
    if to is not None:
        finished.write_card(done, to)
    if json:
        terminal.document(unlearning_card.document(done))
    elif to is not None:
        terminal.result(f"Wrote the card of run {done.id} to {to}.")


def generate(
    what: Annotated[
        str, typer.Argument(metavar="MODEL_OR_RUN", help="An embedded model, or the id of a finished run.")
    ],
    image: Annotated[Path | None, typer.Option(help="A picture to show to the model.")] = None,
    item: Annotated[list[str] | None, typer.Option(help="An image of its data, as test-3 or train-17.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="For a model that draws: what to draw; for a language model: the question.")
    ] = None,
    seed: Seed = 0,
    size: Annotated[
        int, typer.Option(metavar="PIXELS", min=0, help="Pixels a side of the drawing; left out: as the model learned.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the answer to this file too, as JSON; of a drawing the picture after, with the one before beside it "
            "as FILE-before.png.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Ask a model what it sees in a picture, ask it a question, or let it draw; of a run, the model before and after both
    answer."""
    from app import families, finished

    family = families.of_model(what) or families.of_run(finished.find(what))
    pictures, classes = (families.has(family, capability) for capability in ("pictures", "classes"))
    if classes:
        _predict(what, prompt, image, item, out, json)
        return
    way = (
        "draws pictures; give --prompt with what to draw"
        if pictures
        else "answers in words; give --prompt with a question"
    )
    if image or item or prompt is None:
        raise BadInput(f"{what} {way}, and no --image or --item.")
    if pictures:
        _draw(what, prompt, seed, size, out, json)
    elif families.has(family, "answers"):
        _answer(what, prompt, out, json)
    else:
        _say(what, prompt, out, json)


def _predict(
    what: str, prompt: str | None, image: Path | None, items: list[str] | None, out: Path | None, json: bool
) -> None:
    """Print the likeliest classes of a picture, or of items of the data."""
    from backends.api import files

    if prompt is not None:
        raise BadInput(f"{what} looks at pictures and draws none; give --image FILE or --item test-3.")
    if bool(image) == bool(items):
        raise BadInput("Give either --image FILE or --item test-3, so that there is one thing to look at.")
    for name in items or []:
        if not re.fullmatch(r"(train|test)-[0-9]{1,9}", name):
            raise BadInput(f"{name[:60]!r} is no image of the data; write test-3 or train-17.")
    answer = _ask("predict", run_or_model=what, **({"path": _checked_picture(image)} if image else {"items": items}))
    if out is not None:
        files.write_json(out, answer)
    if json:
        terminal.document(answer)
        return
    _print_answer(answer)


def _say(what: str, question: str, out: Path | None, json: bool) -> None:
    """Print what models of any other family say; of a run, before and after."""
    from backends.api import files

    answer = _ask("ask", run_or_model=what, question=question)
    if out is not None:
        files.write_json(out, answer)
    if json:
        terminal.document(answer)
        return
    for when in (when for when in ("before", "after") if when in answer):
        terminal.result(f"{when}: {answer[when]['said']}")


def _answer(what: str, question: str, out: Path | None, json: bool) -> None:
    """Print a language model's response to a question while it grows; of a run, before and after."""
    from backends.api import files

    request = {"run_or_model": what, "question": question}
    response = _ask("answer", **request) if json else _print_stream(_stream("answer", **request))
    if out is not None:
        files.write_json(out, response)
    if json:
        terminal.document(response)
    elif response["truth"]:
        terminal.result(f"true answer: {response['truth']}")


def _print_stream(pieces: Iterator[Any]) -> dict[str, Any]:
    """Write answers as they grow, a line for each model. Returns the last piece, which is complete."""
    printed: dict[str, str] = {}
    ended: set[str] = set()
    response: dict[str, Any] = {}
    for response in pieces:
        for when in [when for when in ("before", "after") if when in response and when not in ended]:
            printed[when] = _print_growth(when, printed.get(when), response[when]["said"])
            if "share" in response[when]:
                _end_line(response[when], bool(response["truth"]))
                ended.add(when)
    return response


def _print_growth(when: str, printed: str | None, text: str) -> str:
    """Write what an answer has more than is printed of it; on a line of its own where it begins, or is another one now. Returns the text."""
    if printed is None or not text.startswith(printed):
        terminal.piece(f"{when}: " if printed is None else f"\n{when}: ")
        printed = ""
    terminal.piece(text[len(printed) :])
    return text


def _end_line(answer: dict[str, Any], has_truth: bool) -> None:
    """End the line of a complete answer with how likely the true one was, where `has_truth`."""
    from backends.api import files

    likely = f"  (the true answer: {100 * files.number(answer['share']):.1f} % a token)" if has_truth else ""
    terminal.result(("" if answer["said"] else "(it says nothing)") + likely)


def _draw(what: str, prompt: str, seed: int, size: int, out: Path | None, json: bool) -> None:
    """Write what a model draws: of a run the picture after, and the one before beside it."""
    from backends.api import files

    to = _picture_file(out)
    answer = _ask("draw", run_or_model=what, prompt=prompt, seeds=[seed], size=size)
    whens = [when for when in ("after", "before") if when in answer]
    places = dict(zip(whens, (to, to.with_name(f"{to.stem}-before.png")), strict=False))
    for when, path in places.items():
        files.write_bytes(path, base64.b64decode(answer[when][0].partition(",")[2]))
    if answer["cut"]:
        terminal.say(f"The prompt is longer than the model can read: its last {answer['cut']} tokens had no say.")
    if json:
        details = {name: answer[name] for name in ("seconds", "steps", "guidance", "size", "cut")}
        terminal.document(
            {"prompt": prompt, "seed": seed, **details} | {when: str(path) for when, path in places.items()}
        )
        return
    for when, path in places.items():
        terminal.result(f"{when}: {path}" if len(places) > 1 else str(path))


def _picture_file(out: Path | None) -> Path:
    """The file that a picture is written to.

    Raises:
        BadInput: no file was named, it does not end in .png, or its folder does not exist.
    """
    if out is None:
        raise BadInput("No file was named to draw to; give --out with one that ends in .png.")
    if out.suffix.lower() != ".png":
        raise BadInput(f"--out was {str(out)[:80]!r}; pictures are written as PNG, so name a file that ends in .png.")
    if not out.parent.is_dir() or out.is_dir():
        raise BadInput(f"There is no folder {str(out.parent)[:80]!r} to write to; name a file in one that exists.")
    return out


def _print_answer(answer: dict[str, Any]) -> None:
    """For each picture the likeliest classes, before and, of a run, after."""
    for item in answer["items"]:
        true = "" if item.get("label") is None else f", a picture of {answer['classes'][item['label']]}"
        terminal.result(f"{item['id']}{true}")
        whens = [when for when in ("before", "after") if when in item]
        best = sorted(range(len(answer["classes"])), key=lambda number: -max(item[when][number] for when in whens))
        rows = [
            [answer["classes"][number], *(f"{100 * item[when][number]:.1f} %" for when in whens)]
            for number in best[:SHOWN]
        ]
        for line in terminal.table(["class", *whens], rows):
            terminal.result(f"  {line}")


def _checked_picture(path: Path) -> str:
    if not path.is_file():
        raise BadInput(f"There is no file {str(path)[:80]!r}; give a picture, as PNG or JPEG.")
    if path.stat().st_size > LARGEST:
        raise BadInput(
            f"{path.name} has {path.stat().st_size / 2**20:.0f} MB; a picture may have at most {LARGEST // 2**20} MB."
        )
    return str(path.resolve())


def export(
    run: RunId,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that does not exist yet, or is empty.")],
) -> None:
    """Write the unlearned model as a folder that transformers' from_pretrained loads."""
    from app import finished

    done = finished.find(run)
    finished.check_export(to)
    _ask("export", run=done.id, to=str(to.resolve()))
    terminal.result(f"Wrote the model after run {done.id} to {to}.")


def protect(
    run: RunId,
    source: Annotated[Path, typer.Option("--in", metavar="DIR", help="A folder of pictures, one picture, or a zip.")],
    to: Annotated[Path, typer.Option("--to", metavar="ZIP", help="The zip to write, which does not exist yet.")],
    json: Json = False,
) -> None:
    """Protect your own pictures with what a finished run made: a zip of PNGs that are hard to learn from."""
    from app import finished

    done = finished.find(run)
    written = _ask("protect", run=done.id, source=str(source.resolve()), to=str(to.resolve()))
    if json:
        terminal.document(written)
        return
    terminal.result(f"Wrote {len(written['files'])} protected pictures to {to}.")
