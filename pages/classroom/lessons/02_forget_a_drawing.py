"""What does a painter forget?

A model that draws is made to forget one thing. Watch its pictures change step by step, look for what else changed, and ask
what it means that it now draws something else.

Picture: example-forget-cat
"""

from urllib.parse import urlencode

import streamlit as st

from app import run_results, target_choice
from backends.api import catalog, verdict
from backends.api.languages import tr
from pages.classroom import show

entries = catalog.load()
run = show.example(needs="pictures")

st.title(tr("What does a painter forget?"))
st.markdown(
    tr(
        "A model that draws turns words into pictures. It learned from drawings which somebody made. Now one of these "
        "people says: *please do not draw like me any more*, or a company: *not our mascot*. To forget here means that "
        "the **words stop working**, for this one thing, and for nothing else."
    )
)

if run is None:
    show.no_run(tr("of a model that draws"))

what = target_choice.targets_in_words(run.spec.forget)
method = next((entry for entry in entries.methods if entry.id == run.spec.method), None)
samples = run.samples()

with show.section(tr("1. Watch it fade")):
    st.markdown(
        tr("This small painter was asked to forget **{what}**. ", what=what)
        + (tr("The way it learned that, in one sentence: *{school}* ", school=method.school) if method else "")
        + tr(
            "Each picture is drawn anew from the same words and the same random start; only the model has changed. Move "
            "the slider."
        )
    )
    if samples:
        last = len(samples) - 1
        at = st.slider(tr("Step"), 0, last, 0, key="step", format=tr("%d of {last}", last=last)) if last else 0
        st.html(show.drawings_html(run, samples[at]))
        st.caption(
            tr(
                "**How to read it.** The bar is how sure a judge, another small model, is that the picture shows what was "
                "asked for."
            )
        )
        show.question(
            tr("At the end, what does the model draw when it is asked for {what}?", what=what),
            [tr("Nothing: an empty page."), tr("Something else."), tr("The same as before, only paler.")],
            1,
            tr(
                "a model that draws cannot stay silent. It must draw something for whatever words it is given, so forgetting "
                "always means drawing something else instead. This method chose what: the picture of a neighbour."
            ),
            "question-instead",
        )

with show.section(tr("2. What else got hurt?")):
    st.markdown(
        tr(
            "Inside the model all things share the same weights. So look at everything it can draw: each row is a thing, "
            "each column an artist's style. A good method empties one row and leaves the others."
        )
    )
    grid = show.accuracy_grid(run)
    if grid is not None:
        show.panel(run, grid, "grid")
    bars = run_results.part_panels(run)
    if same := run_results.unchanged(run):
        st.markdown(same)
    if bars:
        show.panel(run, max(bars, key=lambda panel: len(panel.labels)), "by-part")
    show.question(
        tr("A method makes the model draw grey noise for every word. How well did it forget?"),
        [
            tr("Perfectly: the thing is never drawn again."),
            tr("It forgot everything, so it is useless."),
            tr("One cannot say."),
        ],
        1,
        tr(
            "forgetting one thing is easy if everything may be lost. That is why two numbers always belong together: how "
            "well it forgot (unlearning accuracy, UA) and what it kept (IRA for things of the same kind, CRA for the other "
            "kind)."
        ),
        "question-noise",
    )

with show.section(tr("3. Erased, or only renamed?")):
    st.markdown(
        tr(
            "The run's own verdict is: *{run}*\n\nThink of what was changed. The word **{what}** now leads to another "
            "picture. But whoever draws well can be asked in other words: by describing it, by a misspelling, by a few "
            "pictures and a little training. What the word no longer reaches may still be somewhere in the weights.\n\nIn "
            "the studio you can look for it: where the words look in the picture (*cross-attention*), which weights moved, "
            "and what happens when the change is only half applied, or more than wholly (the *dose*).",
            run=verdict.of_run(run),
            what=what,
        )
    )
    show.question(
        tr("The model changed only in the parts that read the words. Is what it knows about shapes and colours gone?"),
        [
            tr("Yes, it can no longer draw them."),
            tr("No: the way from the words was changed, the drawing hand was not."),
        ],
        1,
        tr(
            "the method of this run trains only the matrices with which the picture reads the prompt. The layers that draw "
            "were left as they were."
        ),
        "question-hand",
    )

with show.section(tr("4. Your turn")):
    entry = next((entry for entry in entries.models if entry.id == run.spec.model), None)
    if entry is not None:
        domains = entry.card.get("domains", {})
        choices = [
            *domains.get("object", []),
            *(f"{style} style" for style in domains.get("style", [])),
        ]
        choices = [name for name in choices if name not in run.spec.forget]
        choice = st.selectbox(tr("Let it forget something else. What?"), choices, index=len(choices) - 3, key="choice")
        st.markdown(
            tr(
                "Before you press Start, write down a guess: **when {choice} is forgotten, what will be drawn instead, and "
                "which other pictures will suffer?** Then look at the grid.",
                choice=choice,
            )
        )
        ask = urlencode({"model": entry.id, "forget": choice, "method": entry.default_method})
        st.link_button(tr("Forget {choice} in the studio", choice=choice), f"{show.STUDIO}new?{ask}", type="primary")
