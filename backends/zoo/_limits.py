"""Every limit of a studio with its environment variable, as a Markdown table."""

from ..api.limits import Limits
from ._table import into as replaced

BEGIN, END = "<!-- limits:begin -->", "<!-- limits:end -->"
MB = 1024 * 1024


def into(text: str) -> str:
    """A document with its table of limits made anew."""
    lines = ["| variable | default | what |", "|---|---:|---|"]
    for name, field in Limits.model_fields.items():
        lines.append(f"| `LETHE_{name.upper()}` | {_amount(name, field.default)} | {field.description} |")
    return replaced(text, "\n".join(lines), BEGIN, END)


def _amount(name: str, value: float) -> str:
    """A number with its unit, where it is one of bytes."""
    if not name.endswith("_bytes"):
        return f"{value:,.0f}"
    return f"{value:,.0f} ({value / MB:g} MiB)" if value >= MB else f"{value:,.0f} ({value / 1024:g} KiB)"
