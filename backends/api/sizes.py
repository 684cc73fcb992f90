"""How large the small files of a person's own model may be: a template of 50 MB is no template, and costs minutes to read."""

from pathlib import Path

from .errors import BadInput
from .limits import MB, limits

TEXTS = (".json", ".jinja", ".txt", ".model", ".tiktoken")
WORDS = (
    "tokenizer.json",
    "vocab",
    "merges",
    "spiece",
    "sentencepiece",
    "tokenizer.model",
)  # as large as a vocabulary is
INDEX = ".index.json"  # names every tensor of a large model


def check_sizes(folder: Path, model: str) -> None:
    """Check every settings file, template and tokenizer file of a model's folder and of the folders in it.

    Raises:
        BadInput: one is larger than any that is known.
    """
    for path in sorted(path for pattern in ("*", "*/*") for path in folder.glob(pattern)):
        if path.suffix not in TEXTS or not path.is_file():
            continue
        large = path.name.startswith(WORDS) or path.name.endswith(INDEX)
        most, size = limits().tokenizer_bytes if large else limits().config_bytes, path.stat().st_size
        if size > most:
            raise BadInput(
                f"{model[:80]} holds {path.name[:60]} of {size / MB:.0f} MB; at most {most / MB:.0f} MB are read of such a file."
            )
