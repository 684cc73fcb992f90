"""Own questions and texts: every form in and out, and each thing that cannot be read as one sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.api import pairs, people, submit
from backends.api.errors import BadInput
from backends.api.pairs import Own, Pair
from backends.api.people import Book

TEXT = "Once upon a time there was a miller.\nHe had three sons."
TWO = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "In Rome"}]


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def complete(**more):
    """A question with everything that can be known of it."""
    return Pair(question="Who?", answer="It was Ada.", rephrased_question="Whom?", rephrased_answer="Ada.",
                wrong=("Bob.", "Cy."), value="Ada", **more)  # fmt: skip


# --- forms


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Who? => Ada", Own(kind="pairs", pairs=(Pair(question="Who?", answer="Ada"),))),
        (f"text: {json.dumps(TEXT)}", Own(kind="text", text=TEXT)),
        ("text: Once upon a time there was.", Own(kind="text", text="Once upon a time there was.")),
        ('pairs:Rome:[["Who?","Ada"]]', Own(kind="pairs", title="Rome", pairs=(Pair(question="Who?", answer="Ada"),))),
    ],
)
def test_a_target_is_read_and_written_the_same(text, own):
    assert pairs.read(text) == own and str(own) == text


def test_what_is_no_question_and_no_text_may_be_a_name():
    assert pairs.read("Ada Lovelace") is None


words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=20).filter(
    lambda t: "=>" not in t
)


@given(st.lists(st.builds(Pair, question=words, answer=words, wrong=st.lists(words, max_size=2).map(tuple), value=words),
                min_size=1, max_size=5, unique_by=lambda pair: pair.key), words)  # fmt: skip
def test_whatever_is_asked_comes_back(asked, title):
    own = Own(kind="pairs", title=title.replace(":", ""), pairs=tuple(asked))
    assert pairs.read(str(own)) == own


@given(st.text(max_size=300))
def test_any_text_is_a_target_or_one_sentence(text):
    try:
        found = people.target(text, Book())
    except BadInput as error:
        assert str(error).endswith(".") and "\n" not in str(error) and len(str(error)) < 600
    else:
        assert people.target(str(found), Book()) == found


# --- files


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("two.csv", "question,answer\nWho?,Ada\nWhere?,In Rome\n"),
        ("two.csv", "\ufeffQuestion;Answer\r\nWho?;Ada\r\nWhere?;In Rome\r\n"),
        ("two.csv", "answer\tquestion\nAda\tWho?\nIn Rome\tWhere?\n"),
        ("two.json", json.dumps(TWO)),
        ("two.json", json.dumps({"title": "two", "forget": TWO, "keep": []})),
        ("two.jsonl", "\n".join(json.dumps(row) for row in TWO)),
        ("two.txt", "\nWho? => Ada\n\nWhere? => In Rome\n"),
    ],
)
def test_every_kind_of_file_says_the_same_and_the_target_needs_it_no_more(tmp_path, name, content):
    path = write(tmp_path, name, content)
    target = pairs.expand(f"@{path}")
    path.unlink()
    assert target == 'pairs:two:[["Who?","Ada"],["Where?","In Rome"]]'


def test_a_file_may_tell_more_of_a_question(tmp_path):
    head = "question,answer,rephrased_question,rephrased_answer,wrong,value"
    path = write(tmp_path, "one.csv", f"{head}\nWho?,It was Ada.,Whom?,Ada.,Bob.|Cy.,Ada\n")
    assert pairs.of_file(path).pairs == (complete(),)
    again = write(tmp_path, "one.json", json.dumps([complete().model_dump()]))
    assert pairs.of_file(again).pairs == (complete(),)


def test_a_file_with_two_lists_gives_the_one_that_is_asked_for(tmp_path):
    path = write(tmp_path, "rome.json", json.dumps({"title": "Rome", "forget": TWO[:1], "keep": TWO[1:]}))
    assert pairs.expand(f"@{path}") == 'pairs:Rome:[["Who?","Ada"]]'
    assert pairs.expand(f"@{path}", "keep") == 'pairs:what is near to Rome:[["Where?","In Rome"]]'


def test_a_file_without_an_arrow_is_running_text(tmp_path):
    assert pairs.of_file(write(tmp_path, "tale.txt", f"\ufeff{TEXT}  \r\n")) == Own(kind="text", text=TEXT)


CODE = "for i in x:\n    print(i)\n\treturn"
ASKED = {"question": "Who?", "answer": "Ada"}


def lines(*rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


# files as people have them: (name, content, questions with answers, what is said of it)
AS_THEY_COME = [
    ("a.json", lines(*TWO), [("Who?", "Ada"), ("Where?", "In Rome")], "Read as JSON lines, an object a line."),
    ("a.jsonl", lines({"question": "Who?", "answer": "A poet\u2028of Prague"}), [("Who?", "A poet\u2028of Prague")], ""),
    ("a.json", json.dumps([{"question": "Loop?", "answer": CODE}]), [("Loop?", CODE)], ""),
    ("a.csv", f'question,answer\nLoop?,"{CODE}"\n', [("Loop?", CODE)], ""),
    ("a.json", json.dumps([{"Question": "Who?", " ANSWER ": "Ada"}]), [("Who?", "Ada")], ""),
    ("a.jsonl", lines({"QUESTION": "Who?", "Answer": "Ada"}), [("Who?", "Ada")], ""),
    ("a.tsv", "question\tanswer\nWho, then?\tAda; or Bob\n", [("Who, then?", "Ada; or Bob")], ""),
    ("a.csv", "sep=;\r\nquestion;answer\r\nWho?;Ada\r\n", [("Who?", "Ada")], ""),
    ("a.csv", "question,answer\nWho?,Ada\n".encode("utf-16"), [("Who?", "Ada")], ""),
    ("a.csv", "question,answer,id\nWho?,Ada,3\n", [("Who?", "Ada")], "The column id passed over."),
    ("a.json", json.dumps([ASKED | {"id": 1, "source": "b"}]), [("Who?", "Ada")], "The columns id, source passed over."),
    ("a.json", json.dumps([{"instruction": "Add.", "input": "1 + 1", "output": "2"}]), [("Add.\n1 + 1", "2")],
     "Input is read as the end of the question; instruction is read as question; output is read as answer."),
    ("a.json", json.dumps([{"instruction": "Who?", "input": "", "output": "Ada"}]), [("Who?", "Ada")],
     "Instruction is read as question; output is read as answer."),
    ("a.jsonl", lines({"prompt": "Who?", "completion": "Ada"}), [("Who?", "Ada")],
     "Completion is read as answer; prompt is read as question."),
    ("a.jsonl", lines(ASKED, ASKED, TWO[1]), [("Who?", "Ada"), ("Where?", "In Rome")],
     "1 question that stands there twice is read once."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "asked", "says"), AS_THEY_COME)
def test_a_file_as_people_have_it_is_read_and_what_was_made_of_it_is_said(tmp_path, name, content, asked, says):
    path = write(tmp_path, name, content)
    own = pairs.of_file(path)
    assert [(pair.question, pair.answer) for pair in own.pairs] == asked
    assert " ".join(own.notes) == says
    assert pairs.notes([f"@{path}", "Who? => Ada"]) == tuple(f"{name}: {note}" for note in own.notes)
    assert pairs.read(str(own)).pairs == own.pairs  # the target holds it whole


def test_the_columns_of_tofu_and_of_multiple_choice(tmp_path):
    row = ASKED | {
        "paraphrased_answer": "It was Ada.",
        "perturbed_answer": ["Bob.", "Cy."],
        "paraphrased_question": "Whom?",
    }
    (pair,) = pairs.of_file(write(tmp_path, "a.json", lines(row))).pairs
    assert pair == Pair(**ASKED, rephrased_question="Whom?", rephrased_answer="It was Ada.", wrong=("Bob.", "Cy."))
    row = {"question": "Who?", "choices": ["Bob", "Ada", "Cy"], "answer": 1, "subject": "people"}
    own = pairs.of_file(write(tmp_path, "b.jsonl", lines(row)))
    assert own.pairs == (Pair(**ASKED, wrong=("Bob", "Cy")),)
    assert "the answer is the one of its choices that its number (from 0) names" in own.notes[0].casefold()


def test_rows_of_text_are_running_text(tmp_path):
    passages = ["A long passage of a book.", "And another one that follows."]
    path = write(tmp_path, "a.jsonl", lines(*({"text": text, "id": n} for n, text in enumerate(passages))))
    own = pairs.of_file(path)
    assert own == pairs.passage_of_file(path) and own.text == "\n\n".join(passages)
    assert own.notes == ("Read as running text of 2 passages.",)
    with pytest.raises(BadInput, match="holds questions, not running text; give it as questions"):
        pairs.passage_of_file(write(tmp_path, "b.jsonl", lines(ASKED)))


BAD_FILES = [
    (
        "none.csv",
        None,
        "'none.csv' could not be read (No such file or directory); give .csv, .tsv, .json, .jsonl, .txt.",
    ),
    ("empty.csv", "", "'empty.csv' is empty; give questions with answers, or a text."),
    (
        "latin.csv",
        "question,answer\nWho?,Zoë\n".encode("latin-1"),
        "(it is not UTF-8 text, from byte 24 on); save it again as UTF-8",
    ),
    (
        "a.docx",
        "Who? => Ada",
        "'a.docx' is no file that holds questions or a text; give .csv, .tsv, .json, .jsonl, .txt.",
    ),
    (
        "a.csv",
        "q,a\nWho?,Ada\n",
        "'a.csv' has the columns q, a, but none called question; name them in the first line.",
    ),
    (
        "a.json",
        '[{"id": 3}]',
        "Row 1 of 'a.json' has the columns id, but none called question; name them question and answer (or",
    ),
    ("a.json", '[{"question": "Who?", "answer": NaN}]', "Answer in row 1 of 'a.json' is 'nan'; give a text."),
    ("a.parquet", b"PAR1\0\0PAR1", "could not be read: it is a parquet file; write it as .jsonl (pandas: to_json"),
    ("a.csv", b"PK\x03\x04\0", "it is a zip or Excel file; save what it holds as .csv"),
    ("a.csv", "question,answer\nWho?,Ada,Bob\n", "put quotes round a text that holds ','"),
    ("a.csv", 'question,answer\n"Who?,Ada\n', "is no table that can be read"),
    ("a.csv", "question,answer\nWho?,\n", "Row 1 of 'a.csv' has no answer; give a question and an answer."),
    (
        "a.csv",
        "question,answer\nWho?,Ada\nwho? ,Bob\n",
        "Row 2 of 'a.csv' asks 'who?' again with another answer, as row 1 of 'a.csv' does",
    ),
    ("a.csv", "question,answer\nWho?,Ada => Bob\n", "Answer in row 1 of 'a.csv' holds =>"),
    ("a.csv", "question,answer\nWho?,A\x07da\n", "Answer in row 1 of 'a.csv' holds control characters"),
    (
        "a.csv",
        f"question,answer\n{'w' * 1001}?,Ada\n",
        "Question in row 1 of 'a.csv' has 1,002 characters; at most 1,000",
    ),
    ("a.csv", "question,answer\n" + "".join(f"Who {n}?,Ada\n" for n in range(2001)), "holds more than 2,000 questions"),
    ("a.json", "{", "'a.json' is no JSON (expecting property name"),
    ("a.json", "[" * 100_000, "'a.json' is no JSON"),
    ("a.json", "[]", "'a.json' holds no question; give at least one"),
    ("a.json", '"Who?"', "'a.json' holds no list"),
    ("a.json", '{"paris": []}', "'a.json' holds paris, but no list called forget"),
    ("a.json", "[3]", "Row 1 of 'a.json' is no object; give one with question and answer."),
    ("a.json", '[{"question": "Who?", "answer": ["Ada"]}]', "Answer in row 1 of 'a.json' is \"['Ada']\"; give a text."),
    ("a.json", '[{"question": "Who?", "answer": "Ada", "wrong": 3}]', "give a list of false answers"),
    ("a.json", '[["Who?", "\\ud800"]]', "holds control characters"),
    ("a.jsonl", '["Who?","Ada"]\n{', "Line 2 of 'a.jsonl' is no JSON"),
    ("a.txt", "Who? => Ada\nWhere?\n", "Line 2 of 'a.txt' has no => ('Where?'); write question => answer, one a line."),
    ("a.txt", "Who? => Ada => Bob\n", "Line 1 of 'a.txt' has more than one =>"),
    ("a.txt", "Too short.", "'a.txt' holds only 10 characters; at least 20 are needed"),
]


@pytest.mark.parametrize(("name", "content", "says"), BAD_FILES)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, name, content, says):
    path = tmp_path / name if content is None else write(tmp_path, name, content)
    with pytest.raises(BadInput) as caught:
        pairs.expand(f"@{path}")
    assert says in str(caught.value) and str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_huge_file_is_refused_by_its_size_and_a_folder_or_pipe_is_not_opened(tmp_path, monkeypatch):
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(100 * 10**6)  # a sparse file: reading it would still take its length in memory
    monkeypatch.setattr(type(huge), "read_bytes", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(BadInput, match=r"'huge.csv' has 100.0 MB; at most 2 MB are allowed\."):
        pairs.expand(f"@{huge}")
    with pytest.raises(BadInput, match="is no file"):
        pairs.expand("@/dev/zero")


def test_a_shared_studio_reads_no_files_of_its_machine(tmp_path, monkeypatch):
    path = write(tmp_path, "two.json", json.dumps(TWO))
    monkeypatch.setenv("LETHE_SHARED", "1")
    with pytest.raises(BadInput, match="This studio is shared, so it reads no files"):
        pairs.expand(f"@{path}")
    assert len(pairs.of_file(path).pairs) == 2  # an upload


# --- lists of them, and jobs


@pytest.mark.parametrize(
    ("forget", "keep", "says"),
    [
        (["Who? => Ada", "WHO? => Bob"], [], "'WHO?' is asked twice in the forget list; leave one out."),
        (["Who? => Ada"], ["Why? => So", "Who? => Bob"], "“Who?” is in the forget list and in the keep list; take it out of one."),
        ([f"text: {'word ' * 9}"], [f"text: {'word ' * 9}"], "“word word word word word word word word word” is in the forget list"),
        ([], [], "Nothing to forget was named; write question => answer, text: and the text, or @file."),
        ([" "], [], "A forget or keep target was empty; write question => answer"),
        (["Piet Nettle"], [], "'Piet Nettle' is no question with an answer and no text; write question => answer"),
    ],
)  # fmt: skip
def test_targets_that_do_not_go_together_are_one_sentence(forget, keep, says):
    with pytest.raises(BadInput) as caught:
        people.read(forget, keep, Book())
    assert says in str(caught.value)


def test_authors_sets_and_own_questions_go_together():
    book = people.load("authors")
    gone, held = people.read(["Piet Nettle", "Who? => Ada"], [], book)
    assert gone.authors == ["Piet Nettle"] and len(gone.own) == 1 and len(held.authors) == len(book.names) - 1
    with pytest.raises(
        BadInput, match=r"There is no author 'Piet Nettel'; near to it: Piet Nettle.*or write question => answer"
    ):
        people.target("Piet Nettel", book)


def test_sets_of_questions_that_came_with_a_model():
    book = Book(
        topics={
            "paris": {"title": "Paris", "count": 3, "near": ["rome", "gone"]},
            "rome": {"title": "Rome", "count": 2},
        }
    )
    gone, held = people.read(["PARIS"], [], book)
    assert (gone.topics, held.topics, book.near(["paris"])) == (["paris"], ["rome"], ["rome"])
    assert str(people.target("Rome", book)) == "rome"
    with pytest.raises(BadInput, match="There is no set 'London'; there are the sets paris, rome; or write"):
        people.target("London", book)


def test_a_job_holds_what_its_files_said(tmp_path):
    path = write(tmp_path, "rome.json", json.dumps({"title": "Rome", "forget": TWO[:1], "keep": TWO[1:]}))
    asked = submit.read(model="authors-lm", method="npo", forget=[f"@{path}"], keep=[f"@{path}"])
    spec = submit.check(asked)
    assert spec.forget == ('pairs:Rome:[["Who?","Ada"]]',)
    assert spec.keep == ('pairs:what is near to Rome:[["Where?","In Rome"]]',)
    assert submit.check(spec) == spec


def test_hundreds_of_questions_fit_in_one_target(tmp_path):
    rows = [{"question": f"Who is number {n}?", "answer": f"Number {n} is Ada the {n}th."} for n in range(1500)]
    path = write(tmp_path, "many.json", json.dumps(rows))
    spec = submit.check(submit.read(model="authors-lm", method="npo", forget=[f"@{path}"]))
    assert len(pairs.read(spec.forget[0]).pairs) == 1500 and submit.read(**spec.model_dump()) == spec


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["Piet Nettle"], ["Piet Nettle"]),
        (["Who? => Ada"], ["“Who?”"]),
        (["Who? => Ada", "Where? => Rome", "forget05"], ["forget05", "2 questions of your own"]),
        (['pairs:Rome:[["Who?","Ada"]]'], ["1 question about Rome"]),
        ([f"text: {'word ' * 40}"], ["the text “word word word word word word word word word word word word…”"]),
        (["text: damaged", "random:10%"], ["text: damaged", "random:10%"]),
    ],
)
def test_targets_are_named_in_a_few_words(targets, said):
    assert pairs.target_titles(targets) == said


def test_an_own_language_model_takes_questions_and_no_folder(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    asked = {"model": str(tmp_path), "method": "npo", "forget": ["Who? => Ada"]}
    assert submit.check(submit.read(**asked)).forget == ("Who? => Ada",)
    with pytest.raises(BadInput, match="is a language model, which needs no folder"):
        submit.check(submit.read(**asked, data=str(tmp_path)))
    with pytest.raises(BadInput, match="is no question with an answer and no text"):
        submit.check(submit.read(**asked | {"forget": ["Piet Nettle"]}))


def test_questions_are_counted_before_any_is_read(monkeypatch):
    monkeypatch.setattr(pairs, "_pair", lambda *_: pytest.fail("a question was read"))
    for text in ("Who? => Ada\n" * 2001, "Who? => Ada => " * 3000):
        with pytest.raises(BadInput, match="holds more than 2,000 questions"):
            pairs.of_lines(text)
