"""Protect your pictures

A faint pattern on every picture, laid there before anybody sees it, and whoever trains on them learns the pattern instead. See how far that goes,
what somebody can do against it, and where it protects nothing.

Picture: example-protected-images
"""

from urllib.parse import urlencode

import streamlit as st

from app import run_results, theme
from backends.api import catalog, families
from backends.api import findings as found
from backends.api.languages import tr
from backends.api.panels import Bars, Found, Lines, Pictures, Points
from pages.classroom import show

RUN = "example-protected-images"  # a run that came with Lethe

entries = catalog.load()

st.title(tr("Protect your pictures"))
st.markdown(
    tr(
        "Pictures on the web are copied and trained on, and nobody asks. Taking something out of a finished model is hard. **Can pictures be published so "
        "that they are hard to learn from in the first place?**"
    )
)
run = next(iter(show.shipped({RUN: RUN}, needs="classes").values()), None)
if run is None or not (run.result or {}).get("about", {}).get("protects"):
    show.no_run(tr("of protected pictures"))

findings = [found.read(run, entry.id) for entry in entries.inspectors]
panels = [panel for one in findings if one is not None for panel in Found.model_validate(one).panels]
pictures, points, curves, bars = (
    [panel for panel in panels if isinstance(panel, kind)] for kind in (Pictures, Points, Lines, Bars)
)
measured = run_results.metrics_of(run)
headlines = [one.metric for one in families.get(families.of_run(run)).headlines]

with show.section(tr("1. A pattern on every picture")):
    st.markdown(
        tr(
            "The pictures are sorted into ten heaps of similar ones, without reading what they show. Every picture of a heap gets the same faint pattern, made so "
            "that a model takes it for one of the next heap."
        )
    )
    for number, panel in enumerate(pictures):
        show.panel(run, panel, f"pictures-{number}")
    show.question(
        tr("Somebody trains on these pictures. What is easiest to learn?"),
        [
            tr("The shape of a shoe."),
            tr("Which pattern goes with which name."),
            tr("Nothing at all: the pictures are noise to it."),
        ],
        1,
        tr(
            "the same few patterns come again and again, and each goes with nearly one name. Training takes the shortest way."
        ),
        "question-shortcut",
    )

with show.section(tr("2. Where they are sent")):
    for number, panel in enumerate(points):
        show.panel(run, panel, f"map-{number}")

with show.section(tr("3. An attacker learns")):
    for number, panel in enumerate(curves[:1]):
        show.panel(run, panel, f"classes-{number}")
    keeping = {entry.id for entry in entries.metrics if entry.measures == "keeping"}
    new = next(measured[name] for name in headlines if name in keeping and name in measured)
    st.markdown(
        tr(
            "The attacker of this run had many more of the protected pictures. It is right on **{after}** of new ones; the model that learned from the clean pictures is on {before}.",
            after=theme.percent(new.after),
            before=theme.percent(new.before),
        )
    )
    show.question(
        tr("Why is the same attacker on clean pictures drawn beside it?"),
        [
            tr("Because an attacker who learns nothing anyway would look like protection."),
            tr("Because it shows how fast the computer is."),
            tr("Because clean pictures are harder."),
        ],
        0,
        tr("a short training is a weak one. Only the distance between the two says what the pattern did."),
        "question-control",
    )

with show.section(tr("4. Other names for the same pictures")):
    for number, panel in enumerate(curves[1:]):
        show.panel(run, panel, f"labels-{number}")
    show.question(
        tr("With three easy names, as shoes and tops, the attacker learns in spite of the pattern. Why?"),
        [
            tr("Because the pattern was made for ten names."),
            tr("Because a shoe looks so unlike a shirt that this is as easy to learn as the pattern."),
            tr("Because it had more pictures."),
        ],
        1,
        tr("no name was read when the patterns were made. What is easy to see is learned beside them."),
        "question-labels",
    )

with show.section(tr("5. What somebody can do against it")):
    for number, panel in enumerate(bars):
        show.panel(run, panel, f"treatments-{number}")
    st.markdown(
        tr(
            "**This is no lock.** Whoever trains against small changes gets a part back. A few clean pictures of the same kind are enough to learn from. What was published before "
            "is not protected, and a model that has learned from it forgets nothing by this."
        )
    )

with show.section(tr("6. Your own pictures")):
    st.markdown(tr("A finished run protects other pictures, too, each at its own size, and gives them back as a zip:"))
    st.code(f"lethe protect {run.id} --in my-pictures --to protected.zip", language="bash")
    st.link_button(
        tr("Protect something else in the studio"),
        f"{show.STUDIO}new?{urlencode({'model': run.spec.model, 'method': run.spec.method})}",
        type="primary",
    )
