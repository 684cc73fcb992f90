"""The generated parts of the documents: in step with what they are made from, and made as they should be."""

from types import SimpleNamespace

import pytest

from backends.api.home import ASSETS
from backends.api.limits import Limits
from backends.core import registry
from backends.zoo import _documents, _limits, _matrix, _tree
from backends.zoo._names import citation, heading, known_name

ROOT = ASSETS.parent
RENEW = "it is out of step; run python -m backends.zoo table --write"


@pytest.fixture(scope="module")
def documents():
    """Every document with generated parts, made anew."""
    return _documents.documents(ROOT, ASSETS / "measured")


@pytest.mark.parametrize(
    "name", [*(one.page for one in _matrix.benchmarks().values()), "docs/results/settings.md", "docs/architecture.md"]
)
def test_a_document_is_in_step(documents, name):
    assert documents[name] == (ROOT / name).read_text("utf-8"), RENEW


@pytest.mark.parametrize("name", ["docs/methods.md", "docs/deploy.md", "docs/results/metrics.md"])
def test_what_is_made_from_the_code_is_in_step(documents, name):
    assert documents[name] == (ROOT / name).read_text("utf-8"), RENEW


def test_documents_are_written_where_they_stand(documents, tmp_path):
    for name, text in documents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("`fine_tune`", "`something_old`"), "utf-8")
    _documents.write(tmp_path, ASSETS / "measured")
    assert {name: (tmp_path / name).read_text("utf-8") for name in documents} == documents


def test_every_method_stands_in_the_matrix_with_id_and_paper(documents):
    lines = [line for line in documents["docs/methods.md"].splitlines() if line.startswith("| ")]
    for item in registry.entries("methods").values():
        (line,) = [line for line in lines if f"`{item.id}`" in line]
        assert citation(item.entry.source) in line
        assert line.startswith(f"| {known_name(item.entry.title)} |")


def source(title, url="https://arxiv.org/abs/1"):
    return SimpleNamespace(title=title, url=url)


def entry(entry_id, title, *families, guard=False, paper="Ho et al., A paper, 2024"):
    return SimpleNamespace(
        id=entry_id, title=title, works_with=dict.fromkeys(families, True), guard=guard, source=source(paper)
    )


def test_one_name_is_one_line_with_all_its_ids_and_papers():
    matrix = _matrix.table(
        [
            entry(
                "ga_text", "Gradient ascent (GA): practises it wrong", "llm", "moe", paper="Jang et al., X, ACL 2023"
            ),
            entry("ga", "Gradient ascent (GA): practises it wrong", "classifier", paper="Thudi et al., 2022"),
            entry("eco", "ECO: blurs the question", "llm", guard=True),
        ]
    )
    assert matrix.splitlines()[2:] == [
        "| Gradient ascent (GA) | `ga`, `ga_text` | [Thudi et al., 2022](https://arxiv.org/abs/1); "
        "[Jang et al., 2023](https://arxiv.org/abs/1) | ● |  | ● | ● |  |",
        "| ECO | `eco` | [Ho et al., 2024](https://arxiv.org/abs/1) |  |  | guard |  |  |",
    ]


@pytest.mark.parametrize(
    ("title", "cited"),
    [
        ("Fan et al., SalUn: Empowering Machine Unlearning, ICLR 2024", "Fan et al., 2024"),
        ("Koh and Liang, ICML 2017; as in Jia et al., NeurIPS 2023", "Koh and Liang, 2017"),
        ("Song & Mittal, Systematic Evaluation, USENIX Security 2021", "Song & Mittal, 2021"),
        ("Liu, Liu and Stone, Continual Learning and Private Unlearning, 2022; as in TOFU", "Liu et al., 2022"),
        ("Relative Frobenius distance, as commonly used", "Relative Frobenius distance, as commonly used"),
    ],
)
def test_a_paper_is_cited_by_authors_and_year(title, cited):
    assert citation(source(title, url="")) == cited
    assert citation(source(title, url="https://x.org")) == f"[{cited}](https://x.org)"


def test_a_row_says_what_a_method_is_called_by_whom_and_which_id_it_has():
    eco = entry("eco", "ECO: blurs the question", "llm", guard=True)
    cited = "[Ho et al., 2024](https://arxiv.org/abs/1)"
    assert heading(eco) == f"ECO: blurs the question (guard; weights unchanged) · `eco` · {cited}"
    npo = entry("npo", "NPO: bounded", "moe")
    assert heading(npo, "weights experts") == f"NPO: bounded; weights experts · `npo` · {cited}"


def test_the_tree_has_folders_and_files_but_no_additions(tmp_path):
    for name, text in {
        "app/__init__.py": '"""The shell.\n\nMore of it."""',
        "app/cli.py": '"""The command\n`lethe`. It says more."""',
        "app/methods/__init__.py": '"""One method a file."""',
        "app/methods/one.py": '"""A method."""',
        "app/static/look.css": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert list(_tree.lines(tmp_path / "app", tmp_path)) == [
        "- `app/`: The shell.",
        "  - `cli.py`: The command `lethe`.",
        "  - `app/methods/`: One method a file.",
    ]


def test_every_limit_stands_in_its_table_with_its_default():
    table = _limits.into(f"{_limits.BEGIN}\n{_limits.END}")
    assert "| `LETHE_VISITOR_BYTES` | 524,288,000 (500 MiB) | bytes of disk of one visitor's runs" in table
    assert "| `LETHE_QUEUED_JOBS` | 3 | jobs of one visitor that may wait |" in table
    assert table.count("| `LETHE_") == len(Limits.model_fields)
