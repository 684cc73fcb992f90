"""What does it mean to forget a class?

A finished run, step by step: how a clothes classifier loses one class, what else it loses on the way, and why "it no longer
says so" is not yet "it no longer knows".

Picture: example-forget-sandal
"""

from urllib.parse import urlencode

import streamlit as st

from app import run_results, target_choice
from backends.api import catalog, verdict
from pages.classroom import show

entries = catalog.load()
run = show.example()

st.title("What does it mean to forget a class?")
st.markdown(
    "A model has learned from thousands of pictures. Now someone asks: *please forget this part.* Perhaps the pictures were "
    "private, perhaps they were wrong. To **forget** (the field says *machine unlearning*) means: change the model so that it "
    "behaves as if it had never seen them, without hurting what it should keep."
)

if run is None:
    show.no_run()

what = target_choice.targets_in_words(run.spec.forget)
names = run_results.class_names(run)
samples = run.samples()
model = next((entry.title for entry in entries.models if entry.id == run.spec.model), run.spec.model)

with show.section("1. Watch it fade"):
    st.markdown(
        f"This model, *{model}*, was asked to forget **{what}**. Here are pictures it never trained on. The bar shows how sure "
        "it is of the right answer; the less sure, the fainter the picture. Move the slider from the start to the end."
    )
    if samples:
        at = (
            st.slider("Step", 0, len(samples) - 1, 0, key="step", format=f"%d of {len(samples) - 1}")
            if len(samples) > 1
            else 0
        )
        st.html(show.images_html(run, samples[at], names))
        predictions = show.forget_predictions(samples[-1], names)
        show.question(
            f"At the end: what does the model answer when you show it a picture of {what}?",
            ["“I do not know.”", "Nothing at all.", "The name of something else."],
            2,
            f"a classifier must always choose one of its classes, so it takes {what} for something else. In this run the watched "
            f"pictures were taken for {target_choice.joined([f'{name} ({count})' for name, count in predictions.items()])}.",
            "question-answer",
        )

with show.section("2. What else got hurt?"):
    st.markdown(
        "Forgetting is easy if you may break everything. The art is to keep the rest. So look at every class, before and after; "
        "look hardest at the **neighbours**, the classes that look most alike."
    )
    bars = run_results.part_panels(run)
    if bars:
        show.panel(run, bars[0], "by-class")
        show.question(
            "Which classes would you check first for damage?",
            [
                "The neighbours: those that look most like it.",
                "The ones with the longest names.",
                "None: only one class was touched.",
            ],
            0,
            "what looks alike shares most of the model's inner work, so it is the first to suffer when that work is changed.",
            "question-neighbours",
        )

with show.section("3. Erased, or only hidden?"):
    st.markdown(
        f"The run's own verdict is: *{verdict.of_run(run)}*\n\n"
        "Be careful with the word *forgotten*. The model now **answers** differently. That does not prove that the knowledge is gone:\n\n"
        "- The fairest comparison is the **retrained reference**: a model trained without it from the start. The nearer the "
        "numbers come to that model's, the better; more is not better.\n"
        "- What is only **hidden** can come back, for example after a few steps of training on a handful of pictures.\n"
        "- Numbers on a few hundred pictures say what the model does on those pictures, and nothing about all others."
    )
    show.question(
        "A forgotten model gets 0 % of the sandals right, the retrained one also 0 %. Is it proven that nothing of them is left inside?",
        ["Yes, both are at 0 %.", "No: the answers agree, the insides may not."],
        1,
        "the same answers can come from very different insides. That is why a run has a tab Inside.",
        "question-hidden",
    )

with show.section("4. Your turn"):
    entry = next((entry for entry in entries.models if entry.id == run.spec.model), entries.models[0])
    others = [name for name in entry.card["classes"] if name not in run.spec.forget] or entry.card["classes"]
    choice = st.selectbox("Let the model forget another class. Which one?", others, index=len(others) - 1, key="choice")
    st.markdown(
        f"Before you press Start, write down your guess: **which other class will suffer most when {choice} is forgotten?** "
        "Then compare before and after, and look inside."
    )
    ask = urlencode({"model": entry.id, "forget": choice, "method": entry.default_method})
    st.link_button(f"Forget {choice} in the studio", f"{show.STUDIO}new?{ask}", type="primary")
