"""Hidden or erased?

A model says nothing about a writer any more. Attack it: teach it five facts and ask for fifteen others, ask it in other ways, draw 32 answers.
A model that never saw the writer is attacked in the same way, and the court says what can be said.

Picture: example-author-refused
"""

from urllib.parse import urlencode

import streamlit as st

from app import comeback, target_choice
from backends.api import catalog, court
from backends.api.languages import tr
from pages.classroom import show

WAYS = {  # runs that came with Lethe
    tr("It learned to refuse"): "example-author-refused",
    tr("It was pushed away"): "example-author-forgotten",
    tr("A guard stands before it"): "example-author-hidden",
}

entries = catalog.load()
run_by_way = show.shipped(WAYS, needs="answers")

st.title(tr("Hidden or erased?"))
st.markdown(
    tr(
        "Three models no longer name a writer's facts. **Behaviour that changed is not knowledge erased.** The only "
        "way to know more is to try to bring it back, and to try the same on a model that never saw the writer: what "
        "comes back there was learned from the attack itself."
    )
)
if not run_by_way:
    show.no_run(tr("of a language model"))

run = next(iter(run_by_way.values()))
what = target_choice.targets_in_words(run.spec.forget)

with show.section(tr("1. Guess first")):
    st.markdown(
        tr(
            "The facts about **{what}** are gone from all three, as far as a plain question tells. Now each is trained on "
            "**five** of them, for a few steps, and asked for the others.",
            what=what,
        )
    )
    show.question(
        tr(
            "The other facts come back in one of the models, and not in the model that was retrained without the writer. "
            "What does that show?"
        ),
        [
            tr("The five facts give the others away."),
            tr("The model still held them: nobody told it those facts again."),
            tr("The model was trained too long."),
        ],
        1,
        tr(
            "the facts that are asked are never among those that are taught. If five facts gave the others away, the "
            "retrained model would learn them, too."
        ),
        "question-relearn",
    )

with show.section(tr("2. Attack them")):
    way = st.radio(tr("Which model?"), list(run_by_way), horizontal=True, key="way")
    chosen = run_by_way[way]
    made = comeback.attacks_on(chosen)
    if not made:
        st.info("This run was not tested yet. Open it in the studio and press Test it.")
    else:
        names = {one.entry.title.partition(": ")[0]: one for one in made}
        picked = names[st.radio(tr("Which attack?"), list(names), horizontal=True, key=f"attack-{way}")]
        st.markdown(f"*{picked.entry.summary}*")
        for number, panel in enumerate(comeback.panels(picked)):
            show.panel(chosen, panel, f"{way}-{picked.entry.id}-{number}")
    show.question(
        tr(
            "The dashed line is the retrained reference. In one test it rises as high as the unlearned model. What does "
            "that test tell?"
        ),
        [tr("That nothing was erased."), tr("Nothing here: the test is void."), tr("That everything was erased.")],
        1,
        tr("a test that a model which never saw the facts fails as well cannot tell hidden from erased."),
        "question-void",
    )

with show.section(tr("3. The court")):
    for name, one in run_by_way.items():
        said = court.of_run(one)
        if said is None:
            st.markdown(tr("**{name}.** Not tested yet.", name=name))
            continue
        st.markdown(f"**{name}: {said.title[1]}.** {' '.join(said.reasons)} {said.settles}")
    show.question(
        tr(
            "No test brings anything back, fifteen facts were asked, and the court says “cannot tell”. Why not “erased”?"
        ),
        [
            tr("Because the court never says so."),
            tr("Because 0 of 15 is also what a model that still knows one fact in ten can show by luck."),
            tr("Because the retrained reference is missing."),
        ],
        1,
        tr(
            "few questions leave much room for luck: 0 of 15 leaves an upper bound of about 20 %. Ask more, or say less."
        ),
        "question-luck",
    )

with show.section(tr("4. Red team")):
    st.markdown(
        tr(
            "Your turn. Open one of these models and unfold **Red team: try it by hand** below the tests. Try to make it "
            "name a fact: begin the answer yourself, ask for something near, ask in a list. The retrained reference "
            "answers beside it, and the page counts your tries, your hits, **and the hits that the reference would have "
            "given you as well**. Only the difference counts."
        )
    )
    for name, one in run_by_way.items():
        st.link_button(
            tr("Attack by hand: {name}", name=name.lower()),
            f"{show.STUDIO}run?{urlencode({'id': one.id, 'tab': 'back'})}",
        )
    st.link_button(
        tr("All tests of the first in the studio"),
        f"{show.STUDIO}run?{urlencode({'id': run.id, 'tab': 'back'})}",
        type="primary",
    )
