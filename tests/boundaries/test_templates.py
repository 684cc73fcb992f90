"""HTML is written in templates, which escape what is put into them: what is left to escape by hand only becomes less."""

import ast
import re
from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.meta import find_undeclared_variables
from markupsafe import Markup

from app import markup, templating

ROOT = Path(__file__).resolve().parents[2]
TAG = re.compile(r"</?[a-zA-Z!]")
MOST_TAGGED = 10  # hover texts of plots, which are plotly's, and the head of every page
MOST_ESCAPES = 0
HOSTILE = """<img src=x onerror="alert('1')"> & &amp;"""


def tagged(tree: ast.AST) -> int:
    """F-strings that hold a tag."""
    texts = (node.values for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    return sum(any(isinstance(part, ast.Constant) and TAG.search(part.value) for part in parts) for parts in texts)


def escapes(tree: ast.AST) -> int:
    """Calls of a function that escapes: html.escape, markupsafe's, or ours."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls)
    return sum(name in ("esc", "escape") for name in names)


def interface() -> dict[Path, ast.Module]:
    """The syntax trees of what a person sees."""
    paths = [path for part in ("app", "pages") for path in (ROOT / part).rglob("*.py")]
    return {path: ast.parse(path.read_text("utf-8")) for path in paths}


def test_no_more_html_is_written_in_f_strings_or_escaped_by_hand():
    trees = interface()
    assert sum(map(tagged, trees.values())) <= MOST_TAGGED
    hand_escaped = {path: tree for path, tree in trees.items() if path.name != "markup.py"}
    assert sum(map(escapes, hand_escaped.values())) <= MOST_ESCAPES


def test_the_counts_count():
    source = "import html\na = f'<p>{html.escape(b)}</p>' + f'{a} < {b}' + f'</b>{esc(c)}' + '<p>'\nescape(d)\n"
    assert (tagged(ast.parse(source)), escapes(ast.parse(source))) == (2, 3)


def templates() -> list[str]:
    return sorted(templating.ENVIRONMENT.list_templates())


def test_no_template_trusts_what_is_put_into_it():
    assert len(templates()) > 5
    for name in templates():
        source = (templating.TEMPLATES / name).read_text("utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", source), name


@pytest.mark.parametrize("name", templates())
def test_a_template_uses_nothing_but_the_arguments_of_its_macros(name):
    source = (templating.TEMPLATES / name).read_text("utf-8")
    assert find_undeclared_variables(templating.ENVIRONMENT.parse(source)) <= {"range", "tr", "plural"}


def used() -> set[str]:
    """The macros that Python names, as "file.macro"."""
    calls = (node for tree in interface().values() for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {call.args[0].value for call in calls if getattr(call.func, "id", "") == "render"}


def test_every_macro_that_is_named_exists_and_every_macro_is_used():
    sources = {name.removesuffix(".html"): (templating.TEMPLATES / name).read_text("utf-8") for name in templates()}
    macros = {f"{file}.{name}" for file, text in sources.items() for name in re.findall(r"{% macro (\w+)\(", text)}
    assert used() <= macros
    calls = set(re.findall(r"(?<!macro )\b(\w+)\(", "\n".join(sources.values())))
    assert {name for name in macros - used() if name.partition(".")[2] not in calls} == set()


def test_what_is_no_markup_is_escaped_once_wherever_it_is_put():
    escaped = markup.esc(HOSTILE)
    assert "<" not in escaped and "&amp;amp;" in escaped
    assert markup.text(HOSTILE) == f"<p>{escaped}</p>"
    assert markup.card("", markup.text(HOSTILE)).count(escaped) == 1
    assert markup.card(HOSTILE, HOSTILE).count(escaped) == 2
    assert markup.wrap(HOSTILE, markup.tag(HOSTILE)).count(escaped) == 2
    assert markup.join([HOSTILE, Markup("<br>")]) == f"{escaped}<br>"
    assert HOSTILE + markup.tag("a") == f'{escaped}<span class="lethe-tag">a</span>'
    assert markup.link(HOSTILE, HOSTILE) == f'<a href="{escaped}">{escaped}</a>'


def test_a_line_break_in_a_template_makes_no_gap_and_keeps_the_lines_of_errors():
    template = templating.ENVIRONMENT.from_string("<p>\n  {{ a }}\n  <b>x</b>\n</p>\none\ntwo {{ b }}\n")
    assert template.render(a="<", b=">") == "<p>&lt;<b>x</b></p>one\ntwo &gt;"
    with pytest.raises(UndefinedError, match="'b' is undefined"):
        template.render(a="")
    with pytest.raises(TemplateSyntaxError) as error:
        templating.ENVIRONMENT.from_string("<p>\n  {{ a }}\n</p>\n{% endif %}")
    assert error.value.lineno == 4
