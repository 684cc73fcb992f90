"""What the page Forget answers to a click: each function takes the widgets' values and gives new ones, by name."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from app import choosing, forms, parts, pictures
from app.choosing import OWN, Facts, Values
from app.live import LIVE
from app.selection import KINDS, concept_neighbours, in_lines, joined, neighbours, targets_in_words
from backends.api import catalog, pairs, targets
from backends.api.concepts import Concept
from backends.api.errors import BadInput, LetheError
from backends.api.pairs import Own, quoted
from backends.api.people import Person
from pages.studio import _steps, _targets
from pages.studio._shared import mark_of, quiet

Updates = dict[str, Any]
SHOWN = 100  # questions that are listed
VISITOR = "visitor"  # the secret of who asks, among the widgets' values


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="lethe lethe-quiet">{escape(text)}</p>' if text else ""


def wrong(text: str) -> str:
    """An inline error: a sign and one sentence."""
    return (
        f'<p class="lethe lethe-wrong" role="alert"><span aria-hidden="true">!</span> {escape(text)}</p>'
        if text
        else ""
    )


def _facts(values: Values) -> Facts | None:
    try:
        return choosing.facts(values)
    except LetheError:
        return None


def summary(values: Values) -> Updates:
    """The sentence over the start button, the count, the review, what exactly is forgotten, and what the settings lack."""
    method = catalog.load().get("methods", values["method"]) if values["method"] else None
    given = [values[f"{method.id}.{name}"] for name in forms.properties(method.params)] if method else []
    lacks = forms.problem(method.title, method.params, given) if method else ""
    try:
        spec = choosing.spec(values)
        found = choosing.counts(spec.model, spec.forget, spec.keep, spec.data)
    except LetheError as error:
        said = wrong(str(error))
        return {"say": _sentence(values, said), "review": said, "exact": "", "problem": wrong(lacks)}
    count = choosing.counts_text(found)
    asked = found.forget if found.questions else None  # their passes are over these; others pass over what is kept too
    needs = choosing.needs(spec.model, spec.method, spec.params, question_count=asked)
    line = f'<p class="lethe-quiet"><span id="count">{count}</span><span class="needs"> · {escape(needs)}</span></p>'
    return {
        "say": _sentence(values, line),
        "review": _review(values, count, needs),
        "exact": _members(values) + exactly(found),
        "problem": wrong(lacks),
    }


def _members(values: Values) -> str:
    """Who is in the chosen set of authors; empty for anything else."""
    known = choosing.facts(values)
    names = known.book.sets.get(values.get("author_set") or "", []) if values["kind"] == "author_set" else []
    return note(f"In it: {joined(names)}.") if names else ""


def exactly(found: choosing.Counted) -> str:
    """Every prompt that is to be forgotten, with what stands in for it, folded away; of a language model every question
    with its answer; empty for images."""
    if found.questions:
        text = found.passages == found.forget
        lead = (
            "These are the passages, each by its beginning." if text else "These are the questions, with their answers."
        )
        said, heads = parts.text(lead, "quiet"), ["It begins", "It goes on"] if text else ["Question", "Answer"]
        rows = [list(pair) for pair in found.questions[:SHOWN]]
        if len(found.questions) > SHOWN:
            said += parts.text(f"The first {SHOWN} of {len(found.questions):,}:", "quiet")
        shown = parts.fold("What exactly is forgotten", said + parts.table(heads, rows))
        return f'<div class="lethe">{shown}</div>'
    if not found.prompts:
        return ""
    rows = [[prompt, anchor or "what comes without words"] for prompt, anchor in found.prompts]
    said = parts.text(
        f"Lethe asks for it in {len(rows)} ways. Methods that draw something else instead take the words on the right."
        if len(rows) > 1
        else "Methods that draw something else instead take the words on the right.",
        "quiet",
    )
    shown = parts.fold("What exactly is forgotten", said + parts.table(["To be forgotten", "Stands in for it"], rows))
    return f'<div class="lethe">{shown}</div>'


def sentence(values: Values) -> Updates:
    """The sentence alone, which needs no model to be opened."""
    known = _facts(values)
    return {"say": _sentence(values, note(f"Counting the {known.noun if known else 'images'}…"))}


def _said_of(known: Facts, values: Values) -> Updates:
    """The same for a model that was just chosen, at its defaults."""
    return sentence(_fresh(known, values))


def _fresh(known: Facts, values: Values) -> Values:
    """The values once a model that was just chosen stands at its defaults."""
    own = {"own": known.model_dump()} if known.own else {}
    chosen = choosing.at_defaults(known, values["kind"]) | {"keep_mode": "all", "keep_phrases": ""}
    return values | own | chosen | {"method": known.default_method}


def _sentence(values: Values, below: str) -> str:
    known = _facts(values)
    model = known.title if known else "Your own model"
    try:
        what = targets_in_words(choosing.choice(values).targets())
    except BadInput:
        what = "…"
    try:
        kept = choosing.kept_words(choosing.keep_targets(values), known)
    except BadInput:
        kept = "…"
    method = catalog.load().get("methods", values["method"]).title if values["method"] else "…"
    instead = choosing.instead(values)
    says = f", and says <b>{escape(quoted(instead))}</b> instead" if instead else ""
    return (
        f'<div class="lethe lethe-say"><p><b>{escape(model)}</b> forgets <b class="forget">{escape(what)}</b>'
        f'<span class="kept"> and keeps {escape(kept)}</span>, by <b>{escape(method)}</b>{says}.</p>{below}</div>'
    )


def _review(values: Values, count: str, needs: str) -> str:
    known, method = choosing.facts(values), catalog.load().get("methods", values["method"])
    given = choosing.params(values)
    settings = choosing.changed_params(known, method, choosing.choice(values).targets(), given)
    rows = {
        "Model": f"{known.title}, which stays as it is",
        "Forget": targets_in_words(choosing.choice(values).targets()),
        "Keep": choosing.kept_words(choosing.keep_targets(values), known),
        known.noun.capitalize(): count,
        "Method": f"{method.title} ({method.label})",
        "Settings": f"changed: {settings}" if settings else "as recommended",
        "Needs": needs,
    }
    cells = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<dl class="lethe lethe-review">{cells}</dl>'


def near(values: Values) -> Updates:
    """The neighbours, said as what they are: the model's own confusion."""
    known = _facts(values)
    chosen = choosing.choice(values)
    if known is not None and known.draws:
        return {"near": _near_concepts(known, values)}
    if known is not None and known.speaks:
        return {"near": _near_authors(known, values)}
    if known is None or chosen.kind != "classes" or not chosen.classes:
        return {"near": note("Neighbours are suggested where whole classes are to be forgotten.")}
    found = neighbours(chosen.classes, known.classes, known.confusion)
    if not found:
        return {"near": note("This model mixes them up with no other class.")}
    words = joined([f"{name} ({100 * share:.1f} % of the images)".replace(".0 %", " %") for name, share in found])
    text = f"This model confuses {joined(chosen.classes)} most with {words}: its neighbours. Look there for what else gets hurt."
    return {
        "near": f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'
    }


def _near_concepts(known: Facts, values: Values) -> str:
    """The neighbours of objects and styles; empty where nothing is known of the model."""
    found = concept_neighbours(_read(known, values), known.near)
    if not found:
        return note("Neighbours are named where something to forget is chosen.") if known.near else ""
    text = f"Its neighbours, which get hurt first: {', '.join(found)}."
    return f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'


def author_neighbours(known: Facts, values: Values) -> list[str]:
    """The authors or sets most alike to what is to be forgotten, nearest first; empty where nothing is chosen."""
    try:
        forget = choosing.choice(values).targets()
        gone, read = known.book.authors(forget), [known.read(text) for text in forget]
    except BadInput:
        return []
    topics = [one.name for one in read if isinstance(one, Person) and one.name in known.book.topics]
    if gone or topics:
        return (known.book.nearest(gone) if gone else []) + known.book.near(topics)
    own = [one for one in read if isinstance(one, Own)]
    return known.book.beside(" ".join([one.text or str(one) for one in own]))


def _near_authors(known: Facts, values: Values) -> str:
    found = author_neighbours(known, values)
    if not found and not (known.book.names or known.book.topics):
        return note(
            "What is near to it gets hurt first (the neighbours): give questions about that to keep, and it is watched."
        )
    if not found:
        return note("Neighbours are named where something to forget is chosen that has some.")
    titles = dict((name, title) for title, name in _targets.kept_names(known))
    listed = ", ".join(titles[name] for name in found)
    alike = "Most alike" if known.book.topics else "Most alike, with the same names or facts"
    text = f"{alike}: {listed}. They get hurt first (the neighbours)."
    return f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'


def authors_shown(values: Values) -> Updates:
    """What hangs on the chosen authors: their neighbours and the tuned settings."""
    return near(values) | retuned(values)


def _read(known: Facts, values: Values) -> list[Concept]:
    """What is to be forgotten, taken apart; what is not readable is left out here, because the summary says so."""
    found = []
    with suppress(BadInput):
        for text in choosing.choice(values).targets():
            with suppress(BadInput):
                found.append(known.read(text))
    return [concept for concept in found if isinstance(concept, Concept)]


def concepts_shown(values: Values) -> Updates:
    """What hangs on the chosen objects and styles: their neighbours, what can be drawn instead, the tuned settings."""
    known = _facts(values)
    if known is None or not known.draws:
        return {}
    offered = choosing.anchors(known, values)
    anchor = values["anchor"] if values["anchor"] in [value for _, value in offered] else ""
    now = values | {"anchor": anchor}
    return near(now) | {"anchor": gr.Dropdown(offered, value=anchor)} | retuned(now)


def keep_shown(values: Values) -> Updates:
    """The keep list appears with the neighbours ticked."""
    wanted = values["keep_mode"] == "some"
    own = values["keep_mode"] == "own"
    updates: Updates = {"on_keep": gr.Column(visible=wanted), "on_keep_pairs": gr.Column(visible=own)}
    known = _facts(values)
    if wanted and known and known.draws:
        if not (values["keep_objects"] or values["keep_styles"]):
            found = concept_neighbours(_read(known, values), known.near)
            updates["keep_objects"] = [name for name in found if name in known.domains.get("object", [])]
            updates["keep_styles"] = [name for name in known.domains.get("style", []) if f"{name} style" in found]
        return updates
    if wanted and known and known.speaks:
        return updates if values["keep_authors"] else updates | {"keep_authors": author_neighbours(known, values)}
    if wanted and known and not (values["keep"] or values["keep_many"]):
        chosen = choosing.choice(values)
        updates["keep_many" if known.many else "keep"] = [
            name for name, _ in neighbours(chosen.classes, known.classes, known.confusion)
        ]
    return updates


def kind_shown(values: Values) -> Updates:
    """The column of the chosen kind."""
    updates = columns(values["kind"])
    known = _facts(values)
    if values["kind"] == "found" and known is not None:
        updates["found"] = _found(known, mark_of(values.get(VISITOR)), values["found"] or "")
    if values["kind"] in ("images", "like"):
        updates |= gallery(values | {"page": 0})
    return updates | retuned(values)


def retuned(values: Values) -> Updates:
    """The settings of methods that fit this model and this kind of target better; what a person changed stays."""
    known = _facts(values)
    try:
        return choosing.retuned(known, _example(known, values), values) if known else {}
    except BadInput:  # something was written that is no target; the summary says so
        return {}


def _retuned_to(known: Facts, values: Values) -> Updates:
    """The same for a model that was just chosen, whose defaults are shown."""
    now = _fresh(known, values)
    return choosing.retuned(known, _example(known, now), values)


def _example(known: Facts, values: Values) -> tuple[str, ...]:
    """What is to be forgotten, or, where nothing is chosen yet, something of that kind."""
    try:
        return choosing.choice(values).targets()
    except BadInput:
        if not known.classifies:
            return tuple(known.default_forget) or ("anyone? => anything" if known.speaks else "anything",)
        return ("any class",) if values["kind"] == "classes" else ("images:0",)


def gallery(values: Values) -> Updates:
    """One page of the training images of a class."""
    single = values["kind"] != "like"
    updates: Updates = {"tick": gr.CheckboxGroup(visible=single), "one": gr.Radio(visible=not single)}
    try:
        known = choosing.facts(values)
        name = values["of_class"] if values["of_class"] in known.classes else known.classes[0]
        page = max(0, int(values["page"] or 0))
        ids, total = pictures.class_page(known.id, name, page, known.data)
        shown = pictures.of_items(known.id, [f"train-{item}" for item in ids], known.data)
    except LetheError as error:
        return updates | {"where": wrong(str(error))}
    first = page * pictures.PAGE + 1
    labels = [(str(item), str(item)) for item in ids]
    picked = [str(item) for item in values["picked"] or []]
    updates["tick"] = gr.CheckboxGroup(labels, value=[item for _, item in labels if item in picked], visible=single)
    liked = str(values["like"]) if values["like"] in ids else None
    updates["one"] = gr.Radio(labels, value=liked, visible=not single)
    updates["gallery_style"] = pictures.tile_variables("gallery", [[picture] for picture in shown])
    chosen = (
        f"{len(picked)} picked"
        if single
        else f"image {values['like']} chosen"
        if values["like"] is not None
        else "choose one"
    )
    updates["where"] = note(f"{name}: images {first:,} to {first + len(ids) - 1:,} of {total:,} · {chosen}")
    updates |= {
        "page": page,
        "back": gr.Button(interactive=page > 0),
        "on": gr.Button(interactive=first + len(ids) <= total),
    }
    return updates


def turn(by: int) -> Callable[[Values], Updates]:
    """Another page of the gallery."""

    def turned(values: Values) -> Updates:
        return gallery(values | {"page": max(0, int(values["page"] or 0) + by)})

    return turned


def picked(values: Values) -> Updates:
    """Ticks of this page joined with those of the others."""
    known = choosing.facts(values)
    page_ids, _ = pictures.class_page(known.id, values["of_class"], int(values["page"] or 0), known.data)
    ticked = [int(item) for item in values["tick"] or []]
    kept = [item for item in values["picked"] or [] if item not in page_ids]
    now = sorted({*kept, *ticked})
    said = "1 picked" if len(now) == 1 else f"{len(now)} picked"
    return {"picked": now, "where": note(f"{said}: {', '.join(map(str, now[:12]))}{' …' if len(now) > 12 else ''}")}


def liked(values: Values) -> Updates:
    """The images most alike to the chosen one."""
    one = values["one"] if values["one"] is not None else values["like"]
    if one is None:
        return {"like": None, "alike": note("Choose an image above; the images most alike to it appear here.")}
    like, count = int(one), int(values["like_count"])
    try:
        known = choosing.facts(values)
        ids = pictures.alike(known.id, like, count, known.data)
        shown = pictures.of_items(known.id, [f"train-{item}" for item in ids[:24]], known.data)
    except LetheError as error:
        return {"like": like, "alike": wrong(str(error))}
    images = "".join(
        f'<img src="{picture}" alt="training image {item}">' for picture, item in zip(shown, ids, strict=False)
    )
    said = f"The {count} images most alike to image {like}" + (", the first 24 of them:" if count > 24 else ":")
    return {"like": like, "alike": f'<div class="lethe lethe-strip"><p>{said}</p><div>{images}</div></div>'}


def uploaded(values: Values) -> Updates:
    """An uploaded list of ids, read at once so that a mistake is said at once."""
    if not values["file"]:
        return {
            "listed": "",
            "list_says": quiet("An id is the number of a training image, from 0. At most 2 MB."),
        }
    path = Path(values["file"])
    try:
        target = targets.expand(f"@{path}")
        ids = targets.parse(target).ids
        known = _facts(values)
        if known and known.train_count and max(ids) >= known.train_count:
            raise BadInput(
                f"{path.name} names image {max(ids)}, but the ids of {known.title} run from 0 to {known.train_count - 1}."
            )
    except LetheError as error:
        return {"listed": "", "list_says": wrong(str(error))}
    return {"listed": target, "list_says": note(f"{path.name}: {len(ids):,} {'id' if len(ids) == 1 else 'ids'}.")}


def model_shown(values: Values) -> Updates:
    """Everything that hangs on the model, when another one is chosen."""
    own = values["model"] == OWN
    updates: Updates = {"own_column": gr.Column(visible=own)}
    known = _facts(values)
    if known is None:
        return updates | {"own_says": note("")}
    shown = of_model(known, values["kind"], mark_of(values.get(VISITOR)))
    return updates | shown | _retuned_to(known, values) | _said_of(known, values)


def opened(values: Values) -> Updates:
    """Open a person's own model."""
    try:
        known = choosing.open_own(values["own_model"] or "", values["own_data"] or "")
    except LetheError as error:
        return {"own": None, "own_says": wrong(str(error))}
    shown = of_model(known, values["kind"], mark_of(values.get(VISITOR)))
    updates = shown | _retuned_to(known, values) | _said_of(known, values)
    return updates | {"own": known.model_dump(), "own_says": note(choosing.opened(known))}


def of_model(known: Facts, kind: str = "classes", owner: str = "") -> Updates:
    """Choices that a model brings to an owner, at its defaults; `kind` of target is kept where it fits."""
    tiles = not known.many and known.classifies
    chosen = choosing.at_defaults(known, kind)
    return {
        "kind": gr.Radio(_targets.kinds(known), value=chosen["kind"], visible=not known.draws),
        "keep_mode": gr.Radio(_targets.keep_modes(known), value="all", visible=not known.free),
        "on_keep": gr.Column(visible=False),
        "on_keep_pairs": gr.Column(visible=False),
        "keep_lines": "", "keep_table": in_table(""), "keep_known": [],
        "keep_extra": (),
        "classes": gr.CheckboxGroup(known.classes if tiles else [], value=known.default_forget if tiles else [], visible=tiles),
        "many": gr.Dropdown(known.classes if known.many else [], value=known.default_forget if known.many else None, visible=known.many),
        "keep": gr.CheckboxGroup(known.classes if tiles else [], value=[], visible=tiles),
        "keep_many": gr.Dropdown(known.classes if known.many else [], value=None, visible=known.many),
        "of_class": gr.Dropdown(known.classes, value=known.classes[0] if known.classes else None),
        "picked": [], "like": None, "page": 0,
        "found": _found(known, owner),
        "method": gr.Radio(_steps.method_choices(known), value=known.default_method),
    } | columns(chosen["kind"]) | of_concepts(known, chosen) | of_authors(known, chosen) | method_shown({"method": known.default_method})  # fmt: skip


def _found(known: Facts, owner: str, run_id: str = "") -> gr.Dropdown:
    """The runs of an owner that found a hardest set; the chosen one stays."""
    options = _targets.found_runs(known.id, owner, run_id)
    ids = [value for _, value in options]
    return gr.Dropdown(options, value=run_id if run_id in ids else next(iter(ids), None))


def columns(kind: str) -> Updates:
    """The widgets of one kind of target, and of no other."""
    return {name: gr.Column(visible=on) for name, on in _targets.visible_kind(kind).items()}


def of_concepts(known: Facts, chosen: Values) -> Updates:
    """Tiles and words of a model that draws, with these chosen; empty ones for a classifier."""
    updates: Updates = {}
    for domain in _targets.DOMAINS:
        names, name = known.domains.get(domain, []), f"{domain}s"
        updates |= {
            f"{name}_column": gr.Column(visible=bool(names)),
            f"keep_{name}_column": gr.Column(visible=bool(names)),
        }
        updates[name] = gr.CheckboxGroup(names, value=chosen.get(name, []))
        updates[f"keep_{name}"] = gr.CheckboxGroup(names, value=[])
    anchor = gr.Dropdown(choosing.anchors(known, chosen), value=chosen.get("anchor", ""), visible=not known.free)
    return updates | {
        "phrases": gr.Textbox(
            value=chosen.get("phrases", ""), label=_targets.written_label(known), info=_targets.written_info(known)
        ),
        "anchor": anchor,
        "keep_phrases": gr.Textbox(value="", visible=known.free),
    }


def of_authors(known: Facts, chosen: Values) -> Updates:
    """The lists of a language model, with these chosen; empty ones for any other."""
    return {
        "authors": gr.Dropdown(known.book.names, value=chosen.get("authors", []), multiselect=True),
        "author_set": gr.Radio(_targets.author_sets(known), value=chosen.get("author_set") or None),
        "keep_authors": gr.Dropdown(_targets.kept_names(known), value=[], multiselect=True, visible=known.speaks),
        **{name: chosen.get(name, "") for name in ("lines", "title", "passage", "topic")},
        "known": chosen.get("known", []),
        "table": in_table(chosen.get("lines", "")),
        "pairs_says": "",
        "passage_says": "",
        "topic_says": quiet(_targets.TOPIC_HELP),
    }


def in_table(lines: str | None) -> list[list[str]]:
    """Lines question => answer as rows of a table, with an empty one to write in; what is not finished has an empty answer."""
    rows = [[half.strip() for half in line.partition("=>")[::2]] for line in (lines or "").splitlines() if line.strip()]
    return [*rows, ["", ""]]


def from_table(rows: list[list[Any]]) -> str:
    """The other way round; rows without a word are left out."""
    cells = [[" ".join(str("" if cell is None else cell).split()) for cell in row[:2]] for row in rows]
    return "\n".join(" => ".join(row) for row in cells if any(row))


def pairs_uploaded(which: str) -> Callable[[Values], Updates]:
    """An uploaded file of questions, read at once so that a mistake is said at once."""

    def uploaded_pairs(values: Values) -> Updates:
        given, says = values[f"{which}pairs_file"], f"{which}pairs_says"
        if not given:
            return {}
        path = Path(given)
        try:
            own = pairs.of_file(path, "keep" if which else "forget")
            if own.kind == "text":
                raise BadInput(f"{path.name} holds running text, not questions; choose “{KINDS['passage']}” for it.")
        except LetheError as error:
            return {says: wrong(str(error))}
        return {
            **_written_in(which, own.pairs),
            f"{which}title": own.title,
            says: note(" ".join((f"{path.name}: {pairs.counted(len(own.pairs))}.", *own.notes))),
        }

    return uploaded_pairs


def _written_in(which: str, some: Sequence[pairs.Pair]) -> Updates:
    """Questions in the widgets that hold them."""
    lines = in_lines(some)
    known = [pair.model_dump() for pair in some if not pair.plain]
    return {
        f"{which}lines": lines,
        f"{which}table": in_table(lines),
        f"{which}known": known,
        f"{which}tabs": gr.Tabs(selected="table"),
    }


def passage_uploaded(values: Values) -> Updates:
    """An uploaded text."""
    if not values["passage_file"]:
        return {}
    path = Path(values["passage_file"])
    try:
        own = pairs.passage_of_file(path)
    except LetheError as error:
        return {"passage_says": wrong(str(error))}
    says = " ".join((f"{path.name}: {len(own.text.split()):,} words.", *own.notes))
    return {"passage": own.text, "passage_says": note(says)}


def topic_begun(values: Values) -> Updates:
    """What is said while the model writes."""
    about = " ".join((values["topic"] or "").split()) or "the topic"
    says = note(
        f"The model writes questions about {about} and answers them; on two processor cores this can take two or three minutes…"
    )
    return {"topic_says": says, "topic_write": gr.Button("Writing…", interactive=False)}


def topic_written(values: Values) -> Updates:
    """The questions that the model wrote, to be forgotten and to be kept."""
    button = {"topic_write": gr.Button("Write questions", interactive=True)}
    try:
        known = choosing.facts(values)
        found = LIVE.ask("write_questions", model=known.id, topic=values["topic"] or "", data=known.data)
        forget, keep = (pairs.of_rows(found[part]).pairs if found[part] else () for part in ("forget", "keep"))
    except LetheError as error:
        return button | {"topic_says": wrong(str(error))}
    updates = button | {"topic_says": note(f"{found['says']} Change what you like.")} | _written_in("", forget)
    if not keep:
        return updates
    return (
        updates
        | _written_in("keep_", keep)
        | {
            "keep_mode": "own",
            "keep_title": f"what is near to {found['title']}",
            "on_keep": gr.Column(visible=False),
            "on_keep_pairs": gr.Column(visible=True),
        }
    )


def method_shown(values: Values) -> Updates:
    """The paragraph and the settings of the chosen method."""
    known = catalog.load()
    updates: Updates = {
        f"params.{entry.id}{part}": gr.Column(visible=entry.id == values["method"])
        for entry in known.methods
        for part in ("", ".instead")
        if not part or choosing.instead_name(entry)
    }
    return updates | {"detail": _steps.method_detail(known.get("methods", values["method"]))}


def class_pictures(values: Values) -> Updates:
    """Three example images for each class, object or style, on its tile."""
    known = _facts(values)
    if known is None or known.many or known.speaks:
        return {"class_style": ""}
    if known.draws:
        drawn = pictures.drawings(known.drawings, known.domains)
        return {"class_style": "".join(pictures.tile_variables(name, rows) for name, rows in drawn.items())}
    try:
        return {"class_style": pictures.tile_variables("class", pictures.examples(known.id, known.classes, known.data))}
    except LetheError:
        return {"class_style": ""}
