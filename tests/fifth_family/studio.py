"""The studio's pages in this process, asked about a model and a finished run: `python studio.py MODEL RUN OTHER_RUN PATH` writes
what they say to PATH as JSON."""

import json
import sys
from pathlib import Path

import gradio as gr

from app import families, job_form, run_list, site, trials
from app.inference import LIVE
from backends.api import catalog, model_info, runs
from backends.api.errors import BadInput
from pages.studio._shared import identity
from pages.studio.new import Arriving, _address, _sentence, _setup
from pages.studio.new._form import VISITOR, FormPage
from pages.studio.run import _ask, _head, _offer
from pages.studio.run import _see as compare


def form(model_id: str) -> tuple[FormPage, dict]:
    """The page New run as it is first shown for a model, and what its parts hold."""
    with gr.Blocks():
        page = FormPage(identity())
        _setup(page, model_info.embedded(model_id), Arriving(page))
    return page, {name: page.parts[name].value for name in page.sent} | {VISITOR: ""}


def values(page: FormPage, updates: dict, fields: list[str]) -> dict:
    """The values that updates of the form give to fields, and the chosen kind."""
    found = {name: updates[f"rows.{name}"] for name in fields} | {"kind": updates["kind"]}
    return {name: one.value if hasattr(one, "value") else one for name, one in found.items()}


def told(function, *args) -> str:
    """The sentence of what is refused."""
    try:
        return str(function(*args))
    except BadInput as error:
        return str(error)


def asked(run_or_model: str, prompt: str) -> str:
    return list(_ask.answer(families.Ask(run_or_model, prompt, None, None, None, None, None)))[-1]


def look(run_id: str, inspector: str) -> list[str]:
    return [panel["says"] for panel in LIVE.ask("inspect", run=run_id, inspector=inspector, params={})["panels"]]


def main(model: str, run_id: str, other: str) -> dict:
    page, raw = form(model)
    draft, run = page.draft(raw), runs.find(run_id)
    by = job_form.choosing(draft.known_model)
    query = [("model", model), ("forget", "rows:3,10-40")]
    whole = _sentence.whole(draft)
    head, strip, *_ = _head.look(f"?id={run_id}")
    boards, side, more, _ = list(compare.opened(f"?id={run_id}"))[-1]
    two = list(compare.opened(f"?id={run_id}&with={other}"))[-1]
    entry = catalog.load().get("models", model)
    return {
        "events": len(site.build().fns),
        "card": families.view(entry.family).measures(entry),
        "kinds": [kind.label for kind in by.kinds(draft.model) if kind.offered],
        "fields": sorted(name for name in page.widgets if name.startswith("rows.")),
        "columns": [value for _, value in page.parts["rows.column"].choices],
        "methods": [entry.id for entry in job_form.methods("tabular")],
        "say": whole["say"], "spec": job_form.spec(draft).model_dump(mode="json"),
        "address": values(page, _address.filled(page, query), ["row_numbers"]),
        "clone": values(page, _address.filled(page, [("clone", run_id)]), ["column", "sign", "bound"]),
        "strange": told(_address.filled, page, [("model", model), ("forget", "height<3")]),
        "head": head, "marks": strip, "board": boards, "bullets": side, "more": more, "two": two[0],
        "runs": run_list.listed([run], "", "", []).ended,
        "trials": [trial.group for trial in trials.of_runs([run])],
        "plot": trials.plot(trials.of_runs([run, runs.find(other)]), *trials.usual_axes(trials.of_runs([run]))),
        "askable": [value for value in (model, run_id) if _ask.askable(value)],
        "tries": [prompt for _, prompt in _ask.prompts(run_id)],
        "played": asked(run_id, "row 0"), "played_model": asked(model, "age=50 bmi=30"), "played_wrong": asked(run_id, "hello"),
        "fitting": [entry.id for entry in _offer.fitting(run_id)],
        "model_map": look(run_id, "model_map"), "weight_change": look(run_id, "weight_change"), "weight_saliency": look(run_id, "weight_saliency"),
        "embedding_map": told(look, run_id, "embedding_map"),
    }  # fmt: skip


if __name__ == "__main__":
    try:
        Path(sys.argv[4]).write_text(json.dumps(main(*sys.argv[1:4])), "utf-8")
    finally:
        LIVE.stop()
