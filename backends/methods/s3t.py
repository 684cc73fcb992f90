"""Exact deletion with layers of its own for each slice (S3T): puts out the tiles that saw the forget set, and serves what is left."""

from typing import Any

from pydantic import Field

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.classifier import tile_sequences, tile_training
from ..families.classifier.guards import INPUT_DELTA
from ..families.classifier.task import Classifier

WHAT_IS_LEFT = (
    "Tiles that went dark: {dark} of {of}. {slices} of {all_slices} slices hold an image that is to be forgotten."
)
SHARD = "Shard {shard} is served by stages {stages} of order {order}."
SHARD_GONE = "Shard {shard} has nothing left and is no part of the average."
UNDONE = "What earlier runs changed in the weights that the tiles stand on was undone; the tiles belong to the original ones."


class S3T(Params):
    """How many orders of each shard may serve."""

    orders: int = Field(
        default=64,
        ge=1,
        le=64,
        description="Orders of each shard that are held, at most as many as the model has; the others are erased. 1: this is SISA.",
    )


@method(
    id="s3t",
    title="Sequence-aware sharded sliced training (S3T)",
    short="S3T",
    summary="Puts out every layer that saw the forget set and serves the longest that is left, without any training.",
    school="Every chapter was copied onto its own slide. To forget one, take away its slide and all that were drawn on top of it.",
    student=(
        "The training data are dealt to shards, and each shard to slices. A frozen backbone gets one LoRA block per slice, from the top layer down: "
        "stage i trains block i and the head on slices 1 to i, and its tile is kept. Each shard has done so in several orders of its slices. "
        "To delete an image, every order is cut just before the slice that holds it, which erases that tile and all that came after. The longest prefix that is left serves "
        "its shard with the head of its own last stage, and the logits of the shards are averaged. Nothing that is served has "
        "seen the image, so this is exact, and it is a look-up. With one order this is SISA; cyclic rotations of the order let another prefix survive."
    ),
    source={
        "title": "Chowdhury et al., Towards Scalable Exact Machine Unlearning Using Parameter-Efficient Fine-Tuning, ICLR 2025",
        "url": "https://arxiv.org/abs/2406.16257",
        "code": "https://github.com/brcsomnath/S3T",
    },
    label="same algorithm, smaller model",
    kind="edit",
    departures=(
        "3 shards of 4 slices in 4 orders with LoRA of rank 4 on a backbone of 0.3 M parameters, where the paper has 5 shards, rank 16 and a ViT "
        "of 86 M or 300 M; 5 epochs a stage at 5e-3 where the paper has 15 at 2e-3. Orders are cyclic rotations, which is the paper's choice up to as many orders as slices and equal odds of deletion; "
        "its matching for unequal odds, and more orders than slices, are not built. The paper counts deletions of single instances, and so does the table; "
        "a whole slice costs the same. The tiles are erased, not only switched off. Exact means that no weight that is served was trained on the image; the dealing of slices, "
        "the settings and the stop of the training were chosen before, with all images."
    ),
    needs=("classes",),
    order=96,
)
def s3t(run: Run[Classifier], params: S3T) -> None:
    """Cut each order before the first slice that holds a forgotten image; the longest prefix of each shard serves.

    Raises:
        BadInput: the model holds no tiles, or nothing would be left to serve.
    """
    if not tile_training.holds_tiles(run.task):
        raise BadInput(
            f"{run.task.id} was trained as a whole and holds no tiles, which S3T puts out; take a model that was trained in slices, such as fashion-slices."
        )
    parts = tile_training.parts(run.task)
    slices = tile_sequences.touched(parts, run.task.parts["forget"])

    def delete() -> dict[str, Any]:
        model: Any = run.model
        tiles = int((model.tiles.held > 0).sum())
        try:
            dark, chosen = model.delete(slices, params.orders)
        except LookupError:
            raise BadInput(
                f"The forget set lies in {len(slices)} of {sum(map(len, parts))} slices, and every order of every shard has seen it from its first slice on: "
                "nothing is left to serve, so the model has to be trained again (method retrain)."
            ) from None
        undone = tile_training.restore_backbone(model, type(run.task).load(run.task))
        if hasattr(model, INPUT_DELTA):
            undone = True
            getattr(model, INPUT_DELTA).zero_()
        return {"tiles": tiles, "dark": dark, "chosen": [[*each] for each in chosen], "undone": undone}

    done = run.cached("delete", delete)
    run.log(slices_touched=len(slices), tiles_dark=done["dark"], tiles_left=done["tiles"] - done["dark"])
    all_slices = sum(map(len, parts))
    run.task.notes.append(
        WHAT_IS_LEFT.format(dark=done["dark"], of=done["tiles"], slices=len(slices), all_slices=all_slices)
    )
    for shard, (order, stages) in enumerate(done["chosen"]):
        sentence = SHARD if stages else SHARD_GONE
        run.task.notes.append(sentence.format(shard=shard + 1, stages=f"1 to {stages}", order=order + 1))
    if done["undone"]:
        run.task.notes.append(UNDONE)
