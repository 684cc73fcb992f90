"""Refuse, forget, or hide?

Three language models that no longer name a fact: one learned to say "I don't know", one was made to forget, one has a guard at
its door. Compare what they say, what they keep, and what is left inside.

Picture: example-author-forgotten
"""

from urllib.parse import urlencode

import streamlit as st

from app import target_choice, theme
from backends.api import catalog, verdict
from backends.api.languages import tr
from pages.classroom import show

WAYS = {  # runs that came with Lethe
    tr("Refuse"): "example-author-refused",
    tr("Forget"): "example-author-forgotten",
    tr("Hide"): "example-author-hidden",
}


entries = catalog.load()
run_by_way = show.shipped(WAYS, needs="answers")

st.title(tr("Refuse, forget, or hide?"))
st.markdown(
    tr(
        "A language model was asked about a writer, and answered. Now it must not: the writer wants to be forgotten. "
        "Afterwards the model says something else. **But why does it?** It may have learned to refuse, it may no "
        "longer know, or somebody may stand at the door and turn your question away. From outside these look much "
        "alike."
    )
)

if not run_by_way:
    show.no_run(tr("of a language model"))

run = next(iter(run_by_way.values()))
what = target_choice.targets_in_words(run.spec.forget)
methods = {entry.id: entry for entry in entries.methods}

with show.section(tr("1. Three ways to say nothing")):
    st.markdown(
        tr(
            "The same small model was asked to forget **{what}** in different ways. Choose one, and move the slider from "
            "before to after.",
            what=what,
        )
    )
    way = st.radio(tr("How?"), list(run_by_way), horizontal=True, key="way")
    chosen = run_by_way[way]
    method = methods.get(chosen.spec.method)
    if method is not None:
        st.markdown(f"**{method.title}.** *{method.school}*")
    samples = chosen.samples()
    if samples:
        last = len(samples) - 1
        at = (
            st.slider(tr("Step"), 0, last, last, key=f"step-{way}", format=tr("%d of {last}", last=last)) if last else 0
        )
        st.html(show.answers_html(samples[at]))
        st.caption(
            tr(
                "**How to read it.** In bold what the model says. The bar is how likely it still holds the true answer, on "
                "average for each word: a model can say something else and be nearly as ready to say the truth. So small a "
                "model stammers where it learned to say something new. These three runs are examples, not a measurement of the "
                "methods: the refusing one is one of several settings that were tried, the other two were tried once."
            )
        )
    show.question(
        tr("A model answers “I don't know” to a question it once could answer. What do you know now?"),
        [
            tr("That the answer is gone."),
            tr("That “I don't know” is now likelier than the answer; no more."),
            tr("That it never knew the answer."),
        ],
        1,
        tr(
            "what a model says is only its likeliest next word. The answer can stand right behind it, and come back when "
            "the question is put another way, or after a little training."
        ),
        "question-refusal",
    )

with show.section(tr("2. What else got hurt?")):
    st.markdown(
        tr(
            "Of all questions that ask for a fact, how many are still answered with it? Good forgetting takes the first "
            "column down and leaves the others where they were."
        )
    )
    heads = {role: theme.ROLE_WORDS[role] for role in ("forget", "neighbour", "unrelated")}
    scores_by_way = {name: {role: show.role_scores(one, role) for role in heads} for name, one in run_by_way.items()}
    first = next(iter(scores_by_way.values()))
    rows = {"original": [show.score_text(first[role], "before") for role in heads]}
    rows |= {name: [show.score_text(values[role], "after") for role in heads] for name, values in scores_by_way.items()}
    if any("reference" in first[role] for role in heads):
        rows[tr("retrained reference")] = [show.score_text(first[role], "reference") for role in heads]
    st.html(show.table(list(heads.values()), rows))
    show.question(
        tr(
            "Two of these models name none of the forgotten facts. Are both as good as a model that was retrained without "
            "the writer?"
        ),
        [
            tr("Yes, both stand at the same number."),
            tr("One cannot say from this column alone."),
            tr("Yes, if they were quick."),
        ],
        1,
        tr(
            "the first column says only what is no longer said. The other two say what it cost, and whether the model "
            "still holds the truth for likely stands in neither: for that look at the bars above and at the sentences "
            "below."
        ),
        "question-column",
    )

with show.section(tr("3. Is it still inside?")):
    for name, one in run_by_way.items():
        st.markdown(f"**{name}.** {verdict.of_run(one)}")
    st.markdown(
        tr(
            "A guard leaves every weight as it was. It reads the question first and changes what the model gets to see or "
            "to say. That is quick, and it can be undone at once: whoever has the file of the model simply leaves the "
            "guard out."
        )
    )
    show.question(
        tr("A company gives away its model as a file. Which of the three ways protects the writer then?"),
        [
            tr("The guard, because it never lets a question through."),
            tr("At best the one that changed the weights, and even that has to be tested."),
            tr("All three in the same way."),
        ],
        1,
        tr(
            "who holds the file can take a guard off, and can train a refusal away. Weights that were changed may still "
            "hold the rest of the answer, so one has to look: ask in other words, look at the layers, train a little."
        ),
        "question-file",
    )

with show.section(tr("4. Your turn")):
    entry = next((entry for entry in entries.models if entry.id == run.spec.model), None)
    if entry is not None:
        from backends.api import people

        names = [name for name in people.load(entry.data).names if name not in run.spec.forget]
        guards = {True: tr("with a guard"), False: tr("by changing the weights")}
        choice = st.selectbox(tr("Let it forget another writer. Whom?"), names, key="choice")
        guard = st.radio(tr("How?"), [False, True], format_func=guards.__getitem__, horizontal=True, key="guard")
        fits = [one for one in entries.methods if one.works_with.get(entry.family) is True and one.guard == guard]
        default = next((one for one in fits if one.id == entry.default_method), fits[0])
        st.markdown(
            tr(
                "Before you press Start, write down a guess: **what will it answer about {choice}, and will it still know the "
                "writers who were born in the same town?** When it is done, ask it in your own words in the run's tab Ask.",
                choice=choice,
            )
        )
        ask = urlencode({"model": entry.id, "forget": choice, "method": default.id})
        st.link_button(tr("Forget {choice} in the studio", choice=choice), f"{show.STUDIO}new?{ask}", type="primary")
