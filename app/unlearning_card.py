"""The unlearning card of a run: one HTML file that opens offline, with its JSON inside, of all that was done, measured and tested."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from app import comeback, figures, marks, open_problems, run_card, run_results, scenes, theme
from app.figures.training import sure
from app.figures.watching import is_chat, is_drawing
from app.markup import data_uri
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import __version__, attacked, catalog, court, elsewhere, files, runs, stage_words
from backends.api.errors import BadInput
from backends.api.families import of_run
from backends.api.home import ASSETS
from backends.api.runs import RunFolder

SHOWN: Final = 4  # items before and after
CHANGED: Final = "after/changed.safetensors"
WIDTH, HEIGHT = 260.0, 110.0  # of a curve, in the units of its drawing
STYLE: Final = (theme.STATIC / "card.css").read_text("utf-8")


def document(run: RunFolder) -> dict[str, Any]:
    """The card as JSON.

    Raises:
        BadInput: the run is not done.
    """
    result = run.result
    if result is None:
        raise BadInput(f"Run {run.id} is {run.state.status}; only a run that is done has a card.")
    spec, judged, each = run.spec, court.of_run(run), comeback.attacks_on(run)
    installed = catalog.load()
    model = next((one for one in installed.models if one.id == spec.model), None)
    method = next((one for one in installed.methods if one.id == spec.method), None)
    metrics = {
        name: one.model_dump(include={"title", "before", "after", "reference", "unit", "direction"})
        for name, one in run_results.metrics_of(run).items()
    }
    return {
        "card": 1,
        "lethe": __version__,
        "run": run.id,
        "model": {"id": spec.model, "title": model.title if model else spec.model, "source": model.source.model_dump() if model else None},
        "forget": list(spec.forgotten),
        "keep": list(spec.keep),
        "method": {"id": spec.method, "title": method.title if method else spec.method, "source": method.source.model_dump() if method else None},
        "settings": result.get("params", {}),
        "seed": spec.seed,
        "after": spec.after or None,
        "seconds": result.get("seconds"),
        "device": result.get("device"),
        "precision": result.get("precision"),
        "versions": result.get("versions", {}),
        "retrained_reference": bool(result.get("reference")),
        "marks": [{"question": question, "word": mark.word, "number": mark.number, "beside": mark.beside} for question, mark, _ in marks.of_run(run)],
        "metrics": metrics,
        **(court.as_document(judged) if judged is not None else {"verdict": None, "tests": []}),
        "attacks": [_attack(one) for one in each],
        "open_problems": open_problems.document(run),
        "hashes": hashes(run),
        "repeat": repeat(run),
    }  # fmt: skip


def _attack(one: comeback.Made) -> dict[str, Any]:
    """One attack: its settings and budget, the curve of each model, and what it found."""
    what = one.attacked
    return {
        "id": one.entry.id,
        "title": one.entry.title,
        "source": one.entry.source.model_dump(),
        "settings": one.findings.get("params", {}),
        "budget": dict(what.budget),
        "x": list(what.x),
        "x_title": what.x_title,
        "judged_at": what.x[what.at],
        "items": list(what.items),
        "curves": {when: [float(value) for value in what.curve(when)] for when in what.recalled},
        "kept": {when: [float(value) for value in what.curve(when, kept=True)] for when in what.kept},
        "found": [find.model_dump(exclude={"picture"}) for find in what.finds],
    }


def hashes(run: RunFolder) -> dict[str, str]:
    """SHA-256 of the weights: the tensors that changed, and the files of an embedded model."""
    each = {CHANGED: run.path / CHANGED}
    folder = ASSETS / "models" / run.spec.model
    if "/" not in run.spec.model and folder.is_dir():
        each |= {f"{run.spec.model}/{path.relative_to(folder)}": path for path in sorted(folder.rglob("*.safetensors"))}
    return {name: _sha256(path, path.stat().st_mtime_ns) for name, path in each.items() if path.is_file()}


@lru_cache(maxsize=64)
def _sha256(path: Path, changed: int) -> str:
    """The hash of a file; `changed` keeps apart what it held at different times."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def repeat(run: RunFolder) -> list[str]:
    """The commands that do all of it again. Targets from a file are named as they were given, so the file is needed, too."""
    spec, result = run.spec, run.result or {}
    theirs = spec.method == elsewhere.ID
    words = ["lethe", "unlearn", "--model", spec.model, "--method", spec.method]
    if theirs:
        words = ["lethe", "import", "--before", spec.model, "--after", str(spec.params.get("folder", ""))]
    for target in spec.forget:
        words += ["--forget", target]
    for target in spec.keep:
        words += ["--keep", target]
    for name, value in ({} if theirs else result.get("params", {})).items():
        if value is not None:
            words += ["--set", f"{name}={json.dumps(value) if isinstance(value, list | dict | bool) else value}"]
    words += ["--seed", str(spec.seed)] + (["--after", spec.after] if spec.after else [])
    return [shlex.join(words), "lethe test RUN"]


def html(run: RunFolder) -> str:
    """The card as one HTML file without any address in it but those of papers and code.

    Raises:
        BadInput: the run is not done.
    """
    content = document(run)
    judged = court.of_run(run)
    tests = {test.attack: test for test in judged.tests} if judged is not None else {}
    attacks = [
        (one.entry, tests.get(one.entry.id), curve(one), _picture(one), content["attacks"][number])
        for number, one in enumerate(comeback.attacks_on(run))
    ]
    packed, words = files.dumps(content), stage_words.of_run(run)
    return str(
        render(
            "unlearning_card.page", style=Markup(STYLE), card=content, pattern=words.pattern(), after=words.after, target=targets_in_words(run.spec.forget, of_run(run)),
            model=run_card.title_of("models", run.spec.model), marks=marks.of_run(run), items=_items(run), judged=judged,
            word=judged.title[1] if judged is not None else "", attacks=attacks, seconds=theme.seconds(content["seconds"]),
            metrics=[(one.title or name, [theme.large(getattr(one, when), one.unit) for when in attacked.WHENS]) for name, one in run_results.metrics_of(run).items()],
            checked=open_problems.of_run(run), problems_source=open_problems.SOURCE, packed=Markup(packed.replace("<", "\\u003c")),
        )
    )  # fmt: skip


def _items(run: RunFolder) -> list[dict[str, Any]]:
    """A few items of the forget set before and after: a picture or an answer of each, with how sure the model is."""
    samples = run.samples()
    first = {item["id"]: item for item in samples[0]["items"]} if samples else {}
    return [
        {"asked": item.get("prompt") or item.get("question") or "", "before": _side(run, first[item["id"]]), "after": _side(run, item)}
        for item in scenes.most_changed(samples)[:SHOWN]
    ]  # fmt: skip


def _side(run: RunFolder, item: dict[str, Any]) -> dict[str, Any]:
    share = theme.percent(100 * sure(item))
    if is_chat(item):
        return {"text": item["said"], "picture": "", "share": share}
    path = str(item["picture"]) if is_drawing(item) else f"samples/items/{item['id']}.png"
    return {"text": "", "picture": data_uri(run.path, path), "share": share}


def _picture(one: comeback.Made) -> Markup:
    """The picture of the comeback, where it is one that needs no scripts."""
    for panel in comeback.panels(one):
        figure = figures.figure(panel, Path(one.findings["root"]))
        if isinstance(figure, Markup) and panel.kind != "verdict":
            return Markup("<p>{}</p>{}").format(panel.says, figure)
    return Markup()


def curve(one: comeback.Made) -> Markup:
    """The curves of an attack as a drawing: the original dotted, the unlearned model solid, the reference dashed; empty of a single place."""
    what = one.attacked
    if len(what.x) < 2:
        return Markup()
    lines = [(when, _points(what.curve(when).tolist())) for when in attacked.WHENS if when in what.recalled]
    ticks = [(WIDTH * at / (len(what.x) - 1), f"{value:g}") for at, value in enumerate(what.x)]
    return render("unlearning_card.curve", lines, ticks, WIDTH, HEIGHT, what.x_title, what.noun)


def _points(values: Sequence[float]) -> str:
    """The points of a polyline; what is no number is left out."""
    across = WIDTH / (len(values) - 1)
    return " ".join(
        f"{at * across:.1f},{HEIGHT * (1 - value):.1f}" for at, value in enumerate(values) if value == value
    )


def of_id(run_id: str) -> str:
    """The card of a run by its id.

    Raises:
        BadInput: there is no such run, or it is not done.
    """
    return html(runs.find(run_id))
