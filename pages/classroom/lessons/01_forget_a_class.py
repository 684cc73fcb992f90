"""What does it mean to forget a class?

A finished run, step by step: how a clothes classifier loses one class, what else it loses on the way, and why "it no longer
says so" is not yet "it no longer knows".

Picture: example-forget-sandal
"""

from urllib.parse import urlencode

import streamlit as st

from app import run_results, target_choice
from backends.api import catalog, verdict
from backends.api.languages import tr
from pages.classroom import show

entries = catalog.load()
run = show.example()

st.title(tr("What does it mean to forget a class?"))
st.markdown(
    tr(
        "A model has learned from thousands of pictures. Now someone asks: *please forget this part.* Perhaps the "
        "pictures were private, perhaps they were wrong. To **forget** (the field says *machine unlearning*) means: "
        "change the model so that it behaves as if it had never seen them, without hurting what it should keep."
    )
)

if run is None:
    show.no_run()

what = target_choice.targets_in_words(run.spec.forget)
names = run_results.class_names(run)
samples = run.samples()
model = next((entry.title for entry in entries.models if entry.id == run.spec.model), run.spec.model)

with show.section(tr("1. Watch it fade")):
    st.markdown(
        tr(
            "This model, *{model}*, was asked to forget **{what}**. Here are pictures it never trained on. The bar shows "
            "how sure it is of the right answer; the less sure, the fainter the picture. Move the slider from the start to "
            "the end.",
            model=model,
            what=what,
        )
    )
    if samples:
        at = (
            st.slider(
                tr("Step"),
                0,
                len(samples) - 1,
                0,
                key="step",
                format=tr("%d of {samples_count}", samples_count=len(samples) - 1),
            )
            if len(samples) > 1
            else 0
        )
        st.html(show.images_html(run, samples[at], names))
        predictions = show.forget_predictions(samples[-1], names)
        show.question(
            tr("At the end: what does the model answer when you show it a picture of {what}?", what=what),
            [tr("“I do not know.”"), tr("Nothing at all."), tr("The name of something else.")],
            2,
            tr(
                "a classifier must always choose one of its classes, so it takes {what} for something else. In this run the "
                "watched pictures were taken for {target_choice}.",
                what=what,
                target_choice=target_choice.joined([f"{name} ({count})" for name, count in predictions.items()]),
            ),
            "question-answer",
        )

with show.section(tr("2. What else got hurt?")):
    st.markdown(
        tr(
            "Forgetting is easy if you may break everything. The art is to keep the rest. So look at every class, before "
            "and after; look hardest at the **neighbours**, the classes that look most alike."
        )
    )
    bars = run_results.part_panels(run)
    if bars:
        show.panel(run, bars[0], "by-class")
        show.question(
            tr("Which classes would you check first for damage?"),
            [
                tr("The neighbours: those that look most like it."),
                tr("The ones with the longest names."),
                tr("None: only one class was touched."),
            ],
            0,
            tr(
                "what looks alike shares most of the model's inner work, so it is the first to suffer when that work is "
                "changed."
            ),
            "question-neighbours",
        )

with show.section(tr("3. Erased, or only hidden?")):
    st.markdown(
        tr(
            "The run's own verdict is: *{run}*\n\nBe careful with the word *forgotten*. The model now **answers** "
            "differently. That does not prove that the knowledge is gone:\n\n- The fairest comparison is the **retrained "
            "reference**: a model trained without it from the start. The nearer the numbers come to that model's, the "
            "better; more is not better.\n- What is only **hidden** can come back, for example after a few steps of "
            "training on a handful of pictures.\n- Numbers on a few hundred pictures say what the model does on those "
            "pictures, and nothing about all others.",
            run=verdict.of_run(run),
        )
    )
    show.question(
        tr(
            "A forgotten model gets 0 % of the sandals right, the retrained one also 0 %. Is it proven that nothing of "
            "them is left inside?"
        ),
        [tr("Yes, both are at 0 %."), tr("No: the answers agree, the insides may not.")],
        1,
        tr("the same answers can come from very different insides. That is why a run has a tab Inside."),
        "question-hidden",
    )

with show.section(tr("4. Your turn")):
    entry = next((entry for entry in entries.models if entry.id == run.spec.model), entries.models[0])
    others = [name for name in entry.card["classes"] if name not in run.spec.forget] or entry.card["classes"]
    choice = st.selectbox(
        tr("Let the model forget another class. Which one?"), others, index=len(others) - 1, key="choice"
    )
    st.markdown(
        tr(
            "Before you press Start, write down your guess: **which other class will suffer most when {choice} is "
            "forgotten?** Then compare before and after, and look inside.",
            choice=choice,
        )
    )
    ask = urlencode({"model": entry.id, "forget": choice, "method": entry.default_method})
    st.link_button(tr("Forget {choice} in the studio", choice=choice), f"{show.STUDIO}new?{ask}", type="primary")
