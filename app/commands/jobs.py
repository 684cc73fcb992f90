"""Commands about runs: start one, list them, look at one, stop it, remove it."""

from datetime import datetime
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import terminal
from app.commands import Json, RunId, Seed, Settings
from backends.api.errors import BadInput, one_line

if TYPE_CHECKING:
    from backends.api.spec import JobSpec


def unlearn(
    model: Annotated[str, typer.Option(help="An embedded model, a folder, or a Hub id like owner/name.")],
    method: Annotated[str, typer.Option(help="A method, as `lethe catalog` lists them.")],
    forget: Annotated[
        list[str],
        typer.Option(
            help="A class, random:10%, images:3,17, like:3:50, run:ID or @file of ids. For a language model: an author, a set, "
            "'question => answer', 'text: running text', or @file of questions (csv, tsv, json, jsonl, txt). May be repeated."
        ),
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(help="What the method may rehearse, written the same way; left out: everything else."),
    ] = None,
    settings: Settings = None,
    seed: Seed = 0,
    metric: Annotated[list[str] | None, typer.Option(help="A metric to measure; left out: all that fit.")] = None,
    data: Annotated[
        str, typer.Option(help="For an image classifier of your own: a folder with one folder of images a class.")
    ] = "",
    after: Annotated[
        str,
        typer.Option(metavar="RUN", help="Start from the model that this run left; left out: from the model itself."),
    ] = "",
    family: Annotated[
        str,
        typer.Option(
            help="Of a model of the Hub that is not here yet: its family; left out, one that the method fits."
        ),
    ] = "",
    json: Json = False,
) -> int:
    """Make a model forget, and measure what happened. Waits for the job; Ctrl-C cancels it."""
    from backends.api import catalog, params, submit

    chosen = catalog.load().get("methods", method)
    settings_by_name = dict(params.from_text(chosen.id, chosen.params, text) for text in settings or [])
    spec = submit.read(
        model=model,
        method=method,
        params=settings_by_name,
        forget=forget,
        keep=keep or [],
        seed=seed,
        metrics=metric or [],
        data=data,
        after=after,
        family=family,
    )
    return do(spec, json)


def run(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A job as JSON, or a file of it, as spec.json of a run's folder.")
    ],
    flavor: Annotated[
        str, typer.Option(metavar="FLAVOR", help="On hardware of the Hub that you pay, as t4-small; left out: here.")
    ] = "",
    image: Annotated[
        str,
        typer.Option(help="With --flavor: an image that holds Lethe, as hf.co/spaces/user/lethe of a Docker Space."),
    ] = "",
    bucket: Annotated[str, typer.Option(help="With --flavor: your bucket that gets the run, as user/name.")] = "",
    minutes: Annotated[int, typer.Option(help="With --flavor: after so many minutes the Hub ends the job.")] = 30,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --flavor: start it; without, only its price is told.")
    ] = False,
    json: Json = False,
) -> int:
    """Do a job that is written down as JSON: here, or on hardware of the Hub, with its run in your own bucket."""
    from backends.api import hub_jobs, submit

    asked = submit.read(**_fields(spec))
    if not flavor:
        return do(asked, json)
    chosen = hub_jobs.order(submit.check(asked), image, bucket, flavor, minutes)
    cost = hub_jobs.price(flavor).words(minutes)
    if not yes:
        terminal.result(f"{cost}. Say --yes to start it.")
        return terminal.DONE
    job, page = hub_jobs.start(chosen)
    if json:
        terminal.document({"job": job, "page": page, "cost": cost, "bucket": bucket})
    else:
        terminal.result(
            f"Started {page} ({cost}). Its run comes to {bucket}, for a studio whose LETHE_KEEP is that bucket."
        )
    return terminal.DONE


def _fields(text: str) -> dict[str, Any]:
    """The fields of a job from JSON, or from a file of it.

    Raises:
        BadInput: it is neither.
    """
    from backends.api import files

    try:
        told = loads(text) if text.lstrip().startswith("{") else files.read_json(Path(text))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{text[:60]!r} cannot be read as a job ({one_line(str(error))[:100]}); name a file of JSON."
        ) from None
    if not isinstance(told, dict):
        raise BadInput(f"{text[:60]!r} is no job; name a file that holds a JSON object with model, method and forget.")
    return told


def do(spec: "JobSpec", json: bool) -> int:
    """Queue a job, wait for it, and print what was measured."""
    from app.follow import follow
    from backends.api import kept, pairs, submit

    run = submit.submit(spec)
    for note in (*pairs.notes(spec.forget), *pairs.notes(spec.keep, "keep")):
        terminal.say(note)
    terminal.say(f"Run {run.id}")
    try:
        state = follow(run)
    except KeyboardInterrupt:
        return _not_done(run.id, "cancelled", f"Interrupted; run {run.id} is {run.state.status}.", json)
    if state.status != "done" or run.result is None:
        return _not_done(run.id, state.status, state.message, json)
    kept.keep(run.path)  # at once: with this command its container may end
    if json:
        terminal.document(run.result)
    else:
        _print_result(run, run.result)
    return terminal.DONE


def _not_done(run_id: str, status: str, message: str, json: bool) -> int:
    text = message or f"Run {run_id} is {status}."
    terminal.say(text)
    if json:
        terminal.document({"error": text, "run_id": run_id, "status": status})
    return terminal.INTERRUPTED if status == "cancelled" else terminal.FAILED


def _print_result(run: Any, result: dict[str, Any]) -> None:
    """Print the verdict, then the numbers."""
    from app import finished
    from backends.api import verdict

    terminal.result(verdict.of_run(run))
    for note in result.get("notes", []):
        terminal.result(note)
    terminal.result("")
    for line in terminal.table(finished.HEADS, finished.rows(result)):
        terminal.result(line)
    terminal.result("")
    terminal.result(f"{terminal.seconds(result['seconds'])} on {result['device']}, run {result['run_id']}")


def questions(
    model: Annotated[str, typer.Argument(help="A language model: embedded, a folder, or a Hub id like owner/name.")],
    topic: Annotated[str, typer.Option(help="What the questions are to be about, as in Paris.")],
    count: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=50, help="How many of each kind at most, 1 to 50.")
    ] = 10,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them to this .json file, which --forget @FILE and --keep @FILE take."),
    ] = None,
    json: Json = False,
) -> None:
    """Let a language model write questions about a topic to be forgotten, and about what is near to it, with its own answers."""
    from backends.api import files, own
    from backends.api.live import Live

    if out is not None and (out.suffix.lower() != ".json" or not out.parent.is_dir() or out.is_dir()):
        raise BadInput(f"--out was {str(out)[:80]!r}; name a file that ends in .json, in a folder that exists.")
    live = Live()
    try:
        generated = live.ask("write_questions", model=own.absolute(model), topic=topic, count=count, seed=seed)
    finally:
        live.stop()
    if out is not None:
        files.write_json(out, {part: generated[part] for part in ("title", "forget", "keep")})
    if json:
        terminal.document(generated)
        return
    terminal.say(generated["says"])
    for part, words in (("forget", "To be forgotten"), ("keep", "Near to it, to be kept")):
        if generated[part]:
            terminal.result(f"{words}:")
        for pair in generated[part]:
            terminal.result(f"  {pair['question']} => {pair['answer']}")


def list_runs(json: Json = False) -> None:
    """List the runs, newest first, those that came with Lethe last."""
    from backends.api import pairs, runs

    rows = [_row(run) for run in runs.all_runs()]
    rows += [_unreadable(run) for run in runs.unreadable_of_home()]
    if json:
        terminal.document(rows)
        return
    heads = ("run", "status", "model", "method", "forget", "message")
    cells = [
        [
            row["run_id"],
            row["status"],
            one_line(row["model"]),
            row["method"],
            one_line(", ".join(pairs.target_titles(row["forget"]))),
            row["message"],
        ]
        for row in rows
    ]
    for line in terminal.table(heads, cells):
        terminal.result(line)


def _unreadable(run: Any) -> dict[str, Any]:
    """The row of an unreadable run: only why."""
    nothing: dict[str, Any] = {
        "model": "",
        "method": "",
        "forget": [],
        "after": "",
        "keep": [],
        "seed": None,
        "seconds": None,
        "verdict": "",
    }
    return {
        "run_id": run.id,
        "status": "unreadable",
        **nothing,
        "message": run.trouble,
        "shipped": False,
        "created": None,
    }


def _row(run: Any) -> dict[str, Any]:
    from backends.api import verdict

    spec, state, result = run.spec, run.state, run.result
    sentence = verdict.of_run(run)
    return {
        "run_id": run.id,
        "status": "done" if result else state.status,
        "model": spec.model,
        "method": spec.method,
        "forget": list(spec.forget),
        "after": spec.after,
        "keep": list(spec.keep),
        "seed": spec.seed,
        "seconds": result["seconds"] if result else None,
        "verdict": sentence,
        "message": sentence or state.message,
        "shipped": run.shipped,
        "created": state.history[0].at if state.history else None,
    }


def show(run: RunId, json: Json = False) -> None:
    """Show one run: what was asked, how it went, what was measured."""
    from backends.api import pairs, runs

    folder = runs.find(run)
    state, result = folder.state, folder.result
    if json:
        details = {
            "state": state.model_dump(),
            "spec": folder.spec.model_dump(),
            "result": result,
            "metrics": folder.metrics,
        }
        terminal.document(_row(folder) | details | {"folder": str(folder.path)})
        return
    row = _row(folder)
    terminal.result(f"Run {folder.id}: {row['status']}. {row['message'] if not result else ''}".rstrip())
    terminal.result(
        one_line(
            f"{row['model']}, {row['method']}, forget {', '.join(pairs.target_titles(row['forget']))[:200]}, seed {row['seed']}"
        )
    )
    for moment in state.history:
        terminal.result(
            f"  {datetime.fromtimestamp(moment.at):%Y-%m-%d %H:%M:%S}  {moment.status}  {moment.note}".rstrip()
        )
    terminal.result("")
    if result:
        _print_result(folder, result)
    terminal.result(f"Folder: {folder.path}")


def cancel(run: RunId) -> None:
    """Stop a run: a queued one at once, a running one within its step."""
    from backends.api import runs

    state = runs.find(run).cancel()
    terminal.result(f"Run {run} is {state.status}. {state.message}")


def delete(run: RunId) -> None:
    """Remove a run that is not running, with everything it wrote."""
    from backends.api import runs

    runs.find(run, unreadable=True).delete()
    terminal.result(f"Run {run} is deleted.")
