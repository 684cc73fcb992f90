"""The tokenizer of somebody's language model: that it is there, that it is the model's, and that it has an end."""

from pathlib import Path
from typing import Any

from ...api import files
from ...api.errors import BadInput

KINDS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
TRIAL = {"role": "user", "content": "Who wrote this?"}
LINE = "\n"  # ends an answer where nothing else does


def open_tokenizer(folder: Path, model_id: str) -> tuple[Any, list[str]]:
    """The tokenizer in a model's folder, with an end token and a padding token that the model has, and sentences on what it
    lacks, for people.

    The end token is the tokenizer's own, else the one that the model's settings name, else the end of a line.

    Raises:
        BadInput: the folder holds none, or one of another model.
    """
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in KINDS):  # transformers would make an empty one
        raise BadInput(
            f"{model_id} holds no tokenizer (tokenizer.json), which takes text apart for it; save it beside the weights."
        )
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    config = files.read_json(folder / "config.json", {})
    words = int(config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size") or len(tokenizer))
    added = tokenizer.added_tokens_decoder  # some have no weight of their own, as for padding; text does not hold them
    largest = max((number for number in tokenizer.get_vocab().values() if number not in added), default=-1)
    if largest >= words:
        raise BadInput(
            f"The tokenizer of {model_id} has tokens up to {largest}, but the model knows {words}; save the one it was trained with."
        )
    lacks = _end(tokenizer, folder, words, model_id)
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= words:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, lacks


def way_to_ask(tokenizer: Any) -> tuple[list[dict[str, str]] | None, str]:
    """(what a chat says before a question, or None where questions are asked without the chat template; a sentence for people).

    A template that takes a question alone, as nearly all do, needs neither.
    """
    plainly = "so questions are asked as “Question: … Answer:”."
    if not tokenizer.chat_template:
        return None, f"Its tokenizer brings no chat template, {plainly}"
    why = ""
    for before in ([], [{"role": "system", "content": ""}]):
        try:
            rendered = tokenizer.apply_chat_template([*before, TRIAL], tokenize=False, add_generation_prompt=True)
        except Exception as error:  # a template may raise anything
            why = why or f"refuses a question ({' '.join(str(error).split())[:80] or type(error).__name__})"
            continue
        if TRIAL["content"] in str(rendered):
            return before, "Its chat template asks for a system message, so an empty one is given." if before else ""
        why = why or "leaves the question out"
    return None, f"Its chat template {why}, {plainly}"


def _end(tokenizer: Any, folder: Path, words: int, model_id: str) -> list[str]:
    """See that there is an end token that the model knows. What has to be said about it."""
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id < words:
        return []
    for name in ("generation_config.json", "config.json"):
        listed = files.read_json(folder / name, {}).get("eos_token_id")
        number = listed[0] if isinstance(listed, list) and listed else listed
        if isinstance(number, int) and 0 <= number < words:
            tokenizer.eos_token = tokenizer.convert_ids_to_tokens(number)
            return []
    line = tokenizer(LINE, add_special_tokens=False).input_ids
    if not line or tokenizer.convert_ids_to_tokens(line[-1]) == tokenizer.unk_token:
        raise BadInput(
            f"The tokenizer of {model_id} has no end token and none for the end of a line, so no answer would end; "
            "give it an eos_token."
        )
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(line[-1])
    return ["Its tokenizer has no end token, so an answer ends with its line."]
