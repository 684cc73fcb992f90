"""Forgotten, or rerouted?

In a mixture of experts a router sends every word to a few specialists. When such a model forgets, has the specialist unlearned,
or do the words only go to somebody else? Send them back, and see.

Picture: example-experts-one
"""

from typing import TypeVar
from urllib.parse import urlencode

import streamlit as st

from app import families, target_choice, theme
from backends.api import catalog
from backends.api import findings as found
from backends.api.catalog import Inspector
from backends.api.languages import tr
from backends.api.panels import Bars, Found, Heatmap, Panel, RoutingShift, Switch, Verdict, Words
from backends.api.runs import RunFolder
from pages.classroom import show

WAYS = {  # runs that came with Lethe
    tr("All weights"): "example-experts-all",
    tr("The busiest expert"): "example-experts-busiest",
    tr("An expert of a later layer"): "example-experts-one",
}


Kind = TypeVar("Kind", bound=Panel)


def looks_at_experts(inspector: Inspector) -> bool:
    """Whether an inspector works with families that have a router, and with no other."""
    fits = [family for family, reason in inspector.works_with.items() if reason is True]
    return bool(fits) and all(families.has(family, "router") for family in fits)


def expert_panels(run: RunFolder, kind: type[Kind]) -> list[Kind]:
    """Panels of one kind among a run's findings about its experts."""
    findings = [found.read(run, entry.id) for entry in entries.inspectors if looks_at_experts(entry)]
    contents = [Found.model_validate(finding) for finding in findings if finding is not None]
    return [panel for content in contents for panel in content.panels if isinstance(panel, kind)]


entries = catalog.load()
ways = show.shipped(WAYS, needs="router")

st.title(tr("Forgotten, or rerouted?"))
st.markdown(
    tr(
        "Some of the largest language models are teams. For every word a **router** picks a few **experts**, and only "
        "those work on it. Ask such a model to forget a person, and afterwards it no longer answers. **Has the expert "
        "who knew it unlearned it? Or does the router send the questions to somebody else, while the one who knows "
        "sits idle?**"
    )
)

if not ways:
    show.no_run(tr("of a mixture of experts"))

run = next(iter(ways.values()))
what = target_choice.targets_in_words(run.spec.forget)
methods = {entry.id: entry for entry in entries.methods}
entry = next((entry for entry in entries.models if entry.id == run.spec.model), None)

with show.section(tr("1. A team of specialists")):
    use = (entry.card.get("experts") or {}).get("use", {}) if entry is not None else {}
    if entry is not None and use:
        mutual_information = entry.card["experts"]["mutual_information"]
        at = max(range(len(mutual_information)), key=lambda layer: mutual_information[layer])
        rows = [[100 * share for share in layers[at]] for layers in use.values()]
        busiest = {
            name: max(range(len(row)), key=lambda expert: row[expert]) for name, row in zip(use, rows, strict=True)
        }
        first = next(iter(use))
        show.panel(
            run,
            Heatmap(
                title=tr("Who works on what, in layer {at} of the model before", at=at + 1),
                says=tr(
                    "Expert {busiest} is asked most about {first}; what expert a word goes to tells {mutual_information:.2f} of "
                    "the {card:.2f} bits that its subject has.",
                    busiest=busiest[first] + 1,
                    first=first,
                    mutual_information=mutual_information[at],
                    card=entry.card["experts"]["domain_entropy"],
                ),
                how=tr(
                    "A row is a subject, a column an expert: its share of the words. Were all asked alike, each would have "
                    "{rows_count:.1f} %.",
                    rows_count=100 / len(rows[0]),
                ),
                rows=list(use),
                columns=[tr("expert {number}", number=number + 1) for number in range(len(rows[0]))],
                z=rows,
                unit="%",
                numbers=True,
            ),
            "use",
        )
    show.question(
        tr("Nobody told the experts what to work on. Where does their division of labour come from?"),
        [
            tr("A person sorted the subjects by hand."),
            tr("From training: the router learned whom to send what, with a little push to tell subjects apart."),
            tr("It is chance, and would be gone in a larger model."),
        ],
        1,
        tr(
            "router and experts are trained together. In large models the division is finer and harder to name than here, "
            "where training was pushed a little so that one can see it."
        ),
        "question-labour",
    )

with show.section(tr("2. Three ways to forget")):
    st.markdown(
        tr(
            "The same model was asked to forget **{what}** in three ways. Choose one, and move the slider from before to "
            "after.",
            what=what,
        )
    )
    way = st.radio(tr("How?"), list(ways), horizontal=True, key="way")
    chosen = ways[way]
    method = methods.get(chosen.spec.method)
    if method is not None:
        st.markdown(f"**{method.title}.** *{method.school}*")
    samples = chosen.samples()
    if samples:
        last = len(samples) - 1
        step = (
            st.slider(tr("Step"), 0, last, last, key=f"step-{way}", format=tr("%d of {last}", last=last)) if last else 0
        )
        st.html(show.answers_html(samples[step]))
        st.caption(
            tr(
                "**How to read it.** In bold what the model says. The bar is how likely it still holds the true answer, on "
                "average for each word. These three runs are examples, not a measurement of the methods: that is the table in "
                "docs/results/moe.md."
            )
        )

with show.section(tr("3. Where do the words go now?")):
    for shift in expert_panels(chosen, RoutingShift):
        show.panel(chosen, shift, f"{way}-{shift.title}")
    for used in expert_panels(chosen, Switch)[:1]:
        show.panel(chosen, used, f"{way}-{used.title}")
    for bars in expert_panels(chosen, Bars):
        if bars.labels[0].startswith("layer"):
            show.panel(chosen, bars, f"{way}-{bars.title}")
    show.question(
        tr("The words about the forgotten person go to other experts than before. What follows?"),
        [
            tr("That nothing was forgotten."),
            tr("That everything was forgotten."),
            tr("Nothing yet: one has to send them back and listen."),
        ],
        2,
        tr(
            "whatever changes in one layer changes what the next router sees. Words can wander although the knowledge is "
            "gone, and stay although it is there."
        ),
        "question-wander",
    )

with show.section(tr("4. Send them back")):
    st.markdown(
        tr(
            "Now the test. We take the model **after**, with its changed weights, but let the router of the model "
            "**before** decide who works on each word. If the answer comes back, it was only **rerouted**. If it does not, "
            "more than the way has changed."
        )
    )
    for name, one in ways.items():
        st.markdown(f"**{name}**")
        for verdict in expert_panels(one, Verdict):
            st.markdown(f"*{verdict.title}* {verdict.says}")
    for beside in expert_panels(chosen, Words):
        show.panel(chosen, beside, f"{way}-{beside.title}")
    show.question(
        tr("With the old routing the answer does not come back. Is it erased?"),
        [
            tr("Yes, that was the proof."),
            tr("It is not only rerouted. Other ways back were not tried here."),
            tr("No, it can never be."),
        ],
        1,
        tr("each test closes one door. A little training, another question or other words may still bring it back."),
        "question-erased",
    )

with show.section(tr("5. What did it cost?")):
    heads = {role: theme.ROLE_WORDS[role] for role in ("forget", "neighbour", "unrelated")}
    scores_by_way = {name: {role: show.role_scores(one, role) for role in heads} for name, one in ways.items()}
    before = next(iter(scores_by_way.values()))
    table = {"before": [show.score_text(before[role], "before") for role in heads]}
    table |= {
        name: [show.score_text(values[role], "after") for role in heads] for name, values in scores_by_way.items()
    }
    st.html(show.table(list(heads.values()), table))
    st.caption(
        tr(
            "**How to read it.** Of all questions that ask for a fact, how many are answered with it. Only the first "
            "column should fall."
        )
    )

with show.section(tr("6. Your turn")):
    if entry is not None:
        from backends.api import people

        names = [name for name in people.load(entry.data).names if name not in run.spec.forget]
        choice = st.selectbox(tr("Let it forget another writer. Whom?"), names, key="choice")
        fits = [one for one in entries.methods if one.works_with.get(entry.family) is True]
        title = st.radio(
            tr("How?"),
            [only.title for only in fits],
            key="method",
            index=[only.id for only in fits].index(entry.default_method),
        )
        picked = next(only for only in fits if only.title == title)
        st.markdown(
            tr(
                "Before you press Start, write down a guess: **how many of the words about {choice} will still go to the "
                "experts they went to before?** When it is done, open its tab Inside, put the lesson's run beside it, and "
                "force the old routing.",
                choice=choice,
            )
        )
        ask = urlencode({"model": entry.id, "forget": choice, "method": picked.id})
        st.link_button(tr("Forget {choice} in the studio", choice=choice), f"{show.STUDIO}new?{ask}", type="primary")
