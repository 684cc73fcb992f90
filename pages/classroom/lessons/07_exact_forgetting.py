"""Exact forgetting

A model that was trained in slices can delete one without any training, and nothing that serves has ever seen it. See which
tiles go dark, how many deletions are left, and what exact does not mean.

Picture: example-exact-deletion
"""

from urllib.parse import urlencode

import streamlit as st

from app import run_results, theme
from backends.api import catalog, families
from backends.api import findings as found
from backends.api.languages import tr
from backends.api.panels import Bars, Found, Lines, SliceGrid
from pages.classroom import show

RUN = "example-exact-deletion"  # a run that came with Lethe

entries = catalog.load()

st.title(tr("Exact forgetting"))
st.markdown(
    tr(
        "Most methods push a memory away and hope. **Exact forgetting prepares for it**: the data are learned in slices, each on layers of its own, so that "
        "what saw a slice can be taken out whole."
    )
)
run = next(iter(show.shipped({RUN: RUN}, needs="classes").values()), None)
findings = [found.read(run, entry.id) for entry in entries.inspectors] if run else []
panels = [panel for one in findings if one is not None for panel in Found.model_validate(one).panels]
grids, curves, bars = ([panel for panel in panels if isinstance(panel, kind)] for kind in (SliceGrid, Lines, Bars))
if run is None or not grids:
    show.no_run(tr("of a model that was trained in slices"))
st.html(theme.STATIC / "slice_grid.css")
measured = run_results.metrics_of(run)
rows = {
    tr(measured[name].title): [
        theme.percent(getattr(measured[name], when)) for when in ("before", "after", "reference")
    ]
    for name in (headline.metric for headline in families.get(families.of_run(run)).headlines)
    if name in measured and theme.measured(measured[name].after)
}

with show.section(tr("1. Guess first")):
    st.markdown(
        tr(
            "A shard of the data is cut into four slices. Stage one learns slice 1, stage two adds a layer and learns slices 1 and 2, and so on; every stage is kept."
        )
    )
    show.question(
        tr("An image of slice 3 has to go. What can go on serving?"),
        [
            tr("Stages one and two, as they are."),
            tr("All but stage three."),
            tr("Nothing: the image is in all of them."),
        ],
        0,
        tr(
            "stage three has learned from the image, and stage four stands on stage three. Stages one and two were made before the image was ever shown."
        ),
        "question-slice",
    )

with show.section(tr("2. Watch the tiles go dark")):
    show.panel(run, grids[0], "tiles")
    show.question(
        tr("With one order alone, deleting from slice 1 costs the whole shard. Why does it not here?"),
        [
            tr("Slice 1 is smaller than the others."),
            tr("Other orders began with another slice and reached slice 1 last."),
            tr("The first stage forgets more easily."),
        ],
        1,
        tr(
            "each order is a rotation, so that every slice is last in one of them. That one loses a single stage; the price is that all orders have to be trained and stored."
        ),
        "question-order",
    )

with show.section(tr("3. How long does it last?")):
    for number, panel in enumerate([*curves[:1], *bars[:1]]):
        show.panel(run, panel, f"deletions-{number}")
    show.question(
        tr("After enough deletions nothing is left to serve. What then?"),
        [
            tr("The model has to be trained again on what is left."),
            tr("It serves the last tile that went dark."),
            tr("One of the other methods finishes the work, and it stays exact."),
        ],
        0,
        tr(
            "exactness is paid for by retraining some day. More shards, slices and orders put the day off: by mL H(mB) deletions, when requests fall anywhere alike."
        ),
        "question-last",
    )

with show.section(tr("4. What exact means, and what not")):
    st.html(show.table([tr("before"), tr("deleted"), tr("trained again")], dict([*rows.items()][:4])))
    st.markdown(
        tr(
            "- **The backbone must never have seen the data.** Here it learned five other kinds of clothes, and the ids that its training asked for are written down. With a "
            "backbone from the internet nobody knows.\n"
            "- **The head goes with its stage.** A head that was trained at a later stage has seen the slice.\n"
            "- **A whole slice is lost for one image**, and accuracy falls with it.\n"
            "- Choices that were made with all data, such as the step size, still know of it a little.\n"
            "- A deleted image may still be labelled rightly: the model learned from others like it. That is no memory, and the model that was trained again does the same."
        )
    )
    show.question(
        tr("After the deletion the model is still right on most of the deleted images. Was it not forgotten?"),
        [
            tr("Right: something stayed behind."),
            tr("It was. A model that never saw them is as right."),
            tr("The tiles have to be deleted twice."),
        ],
        1,
        tr(
            "coats look like coats. What counts is that no weight that serves was trained on them, and here that can be checked bit for bit."
        ),
        "question-right",
    )

with show.section(tr("5. Your turn")):
    st.markdown(
        tr(
            "Delete one more slice after this run and look at the tiles again. Then delete a whole class: every slice holds some of it. What does the studio say?"
        )
    )
    st.link_button(
        tr("Delete another slice after this run"),
        f"{show.STUDIO}new?{urlencode({'model': run.spec.model, 'method': run.spec.method, 'after': run.id, 'forget': 'slice:1.2'})}",
        type="primary",
    )
    st.link_button(tr("Look inside this run"), f"{show.STUDIO}run?{urlencode({'id': run.id, 'tab': 'inside'})}")
