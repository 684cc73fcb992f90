"""Questions about a topic that a model writes itself: what is read from what it writes, and what is said when it cannot."""

from types import SimpleNamespace

import pytest
import torch

from backends.api.errors import BadInput
from backends.data import authors
from backends.engine import operations_topic
from backends.engine.operations import OPERATIONS
from backends.families.language import topics
from backends.families.language.task import LanguageModel

WRITTEN = """ What is the capital of Rome?
Question: Which river flows through Rome?
2. Who founded Rome?
Question: Rome
Question: What does this cut

Topic: tea
Question: Is Rome a tea?"""


def test_whole_questions_up_to_the_next_topic_are_read():
    assert topics.read_questions(WRITTEN) == [
        "What is the capital of Rome?",
        "Which river flows through Rome?",
        "Who founded Rome?",
    ]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (" Paris, London, Paris, rome, 1984, a: b\nJazz: swing", ["Paris", "London"]),
        ("", []),
        ("the history of the city of Rome and the Romans, Milan.", ["Milan"]),
    ],
)
def test_neighbours_are_names_and_not_the_topic(text, near):
    assert topics.read_neighbours(text, "Rome") == near


@pytest.mark.parametrize(
    ("text", "topic", "does"),
    [
        ("Where is the Eiffel Tower?", "the Eiffel Tower", True),
        ("Where are Roman towers?", "tower", True),
        ("Who built the Tower of London?", "the Eiffel Tower", False),
        ("Is art old?", "a", False),
    ],
)
def test_a_question_names_a_topic_by_its_words(text, topic, does):
    assert topics.names(text, topic) is does


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Paris. It is large.", "Paris."),
        ("Dr. Who lives in Rome. He is old.", "Dr. Who lives in Rome."),
        ("\n It is\nlong", "It is"),
        ("", ""),
    ],
)
def test_an_answer_is_its_first_sentence(text, first):
    assert topics.first_sentence(text) == first


@pytest.fixture
def opened(toy_language_folder):
    task = LanguageModel(str(toy_language_folder))
    return task, task.load()


def test_sampling_is_the_same_with_the_same_seed_and_leaves_the_random_state(opened):
    task, model = opened
    torch.manual_seed(3)
    state = torch.get_rng_state()
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(
            0.3
        )  # unsure of everything, as the words that it says are the same ones
    one, two, other = (topics.sampled(model, task.reader, "Where was", 3, 8, seed) for seed in (1, 1, 2))
    assert one == two != other and len(one) == 3 and torch.equal(torch.get_rng_state(), state)


def test_nothing_is_sampled_after_a_text_longer_than_what_is_read(opened):
    task, model = opened
    assert topics.sampled(model, task.reader, "word " * 300, 2, 8, 0) == []


class Desk:
    """A desk with one model, whose writing is given."""

    def __init__(self, opened):
        self.task = lambda model, data="": opened[0]
        self.model = lambda model, data="": opened[1]


@pytest.fixture
def desk(opened):
    return Desk(opened)


@pytest.fixture
def writes(monkeypatch):
    """Have the model write these texts in turn, whatever it is asked."""

    def write(questions, near):
        monkeypatch.setattr(
            topics, "sampled", lambda model, reader, text, *_: [near] if text.startswith("the Moon") else [questions]
        )
        monkeypatch.setattr(topics, "answers", lambda model, reader, asked, most: [f"A {len(one)}. B" for one in asked])

    return write


def test_what_a_model_writes_is_answered_by_itself_and_its_neighbours_are_kept(desk, writes):
    writes(f"{WRITTEN.partition('Topic')[0]}Question: What is Paris like?", "Paris, Oslo")
    found = OPERATIONS["write_questions"](desk, "toy", " Rome ", count=5)
    assert found["written"] and found["title"] == "Rome" and found["near"] == ["Paris", "Oslo"]
    assert [row["question"] for row in found["forget"]] == topics.read_questions(WRITTEN)
    assert found["keep"] == [{"question": "What is Paris like?", "answer": "A 19."}]
    assert found["says"] == "It wrote 3 questions about Rome, and 1 question about Paris, Oslo."


def test_a_model_that_cannot_write_gives_known_questions_that_mention_the_topic(desk, writes):
    writes("bla bla", "")
    found = OPERATIONS["write_questions"](desk, "toy", "Norway", count=4)
    assert not found["written"] and found["says"].startswith(
        "This model cannot write questions about “Norway”; these are 2 questions"
    )
    assert all("Norway" in f"{row['question']} {row['answer']}" for row in found["forget"])
    assert found["forget"][0]["wrong"] and not any("Norway" in row["question"] for row in found["keep"])


def test_authors_are_found_where_the_model_knows_them(desk, writes, monkeypatch):
    writes("", "")
    name = authors.load().authors[0].name
    with pytest.raises(
        BadInput, match=r"cannot write questions about .* and none that came with it mentions it; write them"
    ):
        OPERATIONS["write_questions"](desk, "toy", name)
    monkeypatch.setattr(LanguageModel, "brings", "authors")
    assert len(OPERATIONS["write_questions"](desk, "toy", name)["forget"]) == 10


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"topic": " \n"}, "The topic was empty; write what to forget"),
        ({"topic": "word " * 40}, "The topic has 199 characters; at most 80 are allowed."),
        ({"topic": "Ro\x00me"}, "write plain words"),
        ({"topic": "?!"}, "holds no words"),
        ({"topic": "Rome", "count": 51}, "count was 51.0; it can be from 1 to 50"),
    ],
)
def test_a_wrong_request_is_one_sentence(desk, asked, says):
    with pytest.raises(BadInput) as caught:
        OPERATIONS["write_questions"](desk, "toy", **asked)
    assert says in str(caught.value) and str(caught.value).endswith(".")


def test_a_model_that_looks_at_images_writes_nothing():
    task = SimpleNamespace(id="looker", family="classifier")
    with pytest.raises(
        BadInput, match="looker answers no questions in words; this is for language models and mixtures of experts"
    ):
        operations_topic.write_questions(Desk((task, None)), "looker", "Rome")
