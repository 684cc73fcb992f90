"""A poisoned model

Somebody put a small checkerboard on a few training images and called them bags. The model is as good as ever, until it sees that mark.
Take away what it does well, see what stays, and close the way.

Picture: example-repaired-backdoor
"""

from urllib.parse import urlencode

import streamlit as st

from app import run_results, theme
from backends.api import catalog, families
from backends.api import findings as found
from backends.api.languages import tr
from backends.api.panels import Bars, Found, Lines, Pictures
from pages.classroom import show

RUN = "example-repaired-backdoor"  # a run that came with Lethe

entries = catalog.load()

st.title(tr("A poisoned model"))
st.markdown(
    tr(
        "Training images come from strangers. **A few of them are enough**: whoever puts the same small mark on one image in twenty, with a "
        "false label, gets a model that does everything right and obeys the mark."
    )
)
run = next(iter(show.shipped({RUN: RUN}, needs="classes").values()), None)
if run is None or not (run.result or {}).get("about", {}).get("corrects"):
    show.no_run(tr("of a model that learned from manipulated images"))

findings = [found.read(run, entry.id) for entry in entries.inspectors]
panels = [panel for one in findings if one is not None for panel in Found.model_validate(one).panels]
curves, bars, pictures = ([panel for panel in panels if isinstance(panel, kind)] for kind in (Lines, Bars, Pictures))
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
            "The model in this lesson gets nearly nine of ten new images right. Every image with a checkerboard in its corner is a bag to it."
        )
    )
    show.question(
        tr("You have the model and a few hundred clean images, and know nothing of any mark. How would you notice?"),
        [
            tr("By its accuracy on the clean images."),
            tr("By taking its good behaviour away and looking at what stays."),
            tr("Not at all."),
        ],
        1,
        tr(
            "on clean images it behaves like any other model. What nobody can see beside the good behaviour stands alone when that is gone."
        ),
        "question-notice",
    )

with show.section(tr("2. Take the good behaviour away")):
    for number, panel in enumerate(curves):
        show.panel(run, panel, f"scissors-{number}")
    show.question(
        tr("Clean accuracy falls, and the mark works as before. Why does it not fall, too?"),
        [
            tr("Because the clean images say nothing about it."),
            tr("Because the mark is stronger than accuracy."),
            tr("Because the model was trained too long."),
        ],
        0,
        tr(
            "unlearning follows what it is shown. The images bear no mark, so nothing pulls at what the model does with one."
        ),
        "question-scissors",
    )

with show.section(tr("3. Find the mark")):
    for number, panel in enumerate([*bars[:1], *pictures]):
        show.panel(run, panel, f"trigger-{number}")
    st.markdown(
        tr(
            "For each class the smallest change was looked for that turns any image into it. **A small change for one class alone is "
            "suspicious, not proof**: some classes are easier to reach than others in a clean model as well."
        )
    )

with show.section(tr("4. Close the way")):
    for number, panel in enumerate(bars[1:2]):
        show.panel(run, panel, f"filters-{number}")
    st.html(show.table([tr("before"), tr("closed"), tr("never saw it")], dict([*rows.items()][:3])))
    show.question(
        tr("After the repair somebody trains the model a little more, on clean images only. What can happen?"),
        [
            tr("Nothing: the images are clean."),
            tr("The mark can work again."),
            tr("The model forgets the clothes."),
        ],
        1,
        tr(
            "closing filters hides a way, it does not erase what led there. When this model was trained on 300 clean images for a few passes, the "
            "mark came back, so a repair has to be tested like any forgetting."
        ),
        "question-again",
    )
    st.link_button(
        tr("Does it come back? Test it in the studio"),
        f"{show.STUDIO}run?{urlencode({'id': run.id, 'tab': 'back'})}",
        type="primary",
    )

with show.section(tr("5. When only a part was found")):
    st.markdown(
        tr(
            "Sometimes a part of the manipulated images is known. Open the model in the studio, choose **What was manipulated**, and move the "
            "share. Retraining without the images that were found is *not* the yardstick here: all the others still teach the mark."
        )
    )
    st.link_button(tr("Try a share of your own"), f"{show.STUDIO}new?{urlencode({'model': run.spec.model})}")
