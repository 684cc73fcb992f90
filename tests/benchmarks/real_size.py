"""Whole jobs on a pipeline with the architecture of Stable Diffusion 1.4, judged by a CLIP ViT-B/32, both with random weights.

No weights of these can be had offline, so nothing is said of how well anything is forgotten: only that all of it runs, what it
needs, and that the result is the pipeline that diffusers loads. The jobs draw 256 x 256 pixels, one picture 512 x 512, as a
processor is slow. Takes 5 GB of disk and up to 16 GB of memory.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from backends.api import files, submit
from backends.api.home import home
from backends.api.runs import RunFolder, State
from backends.api.spec import JobSpec

DRAWING = {"steps": 1, "watch_steps": 1, "guidance": 1.0}  # a processor needs seconds for each step of each picture
PIXELS = 256  # a side; 512 with its own weights
JOBS: dict[str, dict[str, Any]] = {
    "uce": {},
    "esd": {"steps": 2, "batch_size": 1, "pool": 4, "pool_steps": 2},
}


def real_size() -> Iterator[str]:
    """Forget a phrase by a closed form and by training, load the result with diffusers, and draw at the usual size."""
    from backends.engine.operations_pictures import draw
    from backends.engine.session import Desk

    with tempfile.TemporaryDirectory() as place:
        model, judge = pipeline(Path(place) / "model"), clip(Path(place) / "clip")
        for method, params in JOBS.items():
            spec = submit.check(
                JobSpec(
                    model=str(model),
                    data=str(judge),
                    method=method,
                    forget=("grumpy cat",),
                    keep=("dog",),
                    params=params,
                )
            )
            begun = time.monotonic()
            run = _done(spec)
            took, result = time.monotonic() - begun, run.result
            assert result is not None, run.state.message
            yield (
                f"{method}: {result['seconds']:.0f} s of forgetting in a job of {took:.0f} s, at most "
                f"{result['peak_memory'] / 1e9:.1f} GB; change {_bytes(run) / 1e6:.0f} MB; metrics {_metrics(result)}"
            )
            yield f"{method}: {_loaded(run, Path(place) / method)}"
            shutil.rmtree(home() / "runs")
        begun = time.monotonic()
        made = draw(Desk(), str(model), "a dog", [0], steps=2, data=str(judge), size=512)
        yield f"one picture of {made['size']} pixels a side in 2 steps: {time.monotonic() - begun:.0f} s"


def pipeline(folder: Path) -> Path:
    """Stable Diffusion 1.4 (860 million parameters in the U-Net, 123 in the text encoder), in half precision."""
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from backends.zoo._emoji import tokenizer

    torch.manual_seed(0)
    words = tokenizer()
    words.model_max_length = 77
    down = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    up = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    wide = {"block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2}
    unet = UNet2DConditionModel(
        sample_size=PIXELS // 8,
        cross_attention_dim=768,
        attention_head_dim=8,
        down_block_types=down,
        up_block_types=up,
        **wide,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=PIXELS,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            max_position_embeddings=77, projection_dim=768, bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        )
    )  # fmt: skip
    schedule = PNDMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, skip_prk_steps=True, steps_offset=1
    )
    made = StableDiffusionPipeline(vae, text, words, unet, schedule, None, None, requires_safety_checker=False)
    made.to(torch.float16).save_pretrained(folder)
    files.write_json(folder / "card.json", {"drawing": DRAWING})
    return folder


def clip(folder: Path) -> Path:
    """CLIP ViT-B/32 with random weights."""
    from transformers import CLIPConfig, CLIPModel

    from backends.zoo._emoji import tokenizer

    words = tokenizer()
    words.model_max_length = 77
    config = CLIPConfig()  # the defaults are those of ViT-B/32
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(config.text_config, name, getattr(words, name))
    CLIPModel(config).half().save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def _done(spec: JobSpec) -> RunFolder:
    from backends.engine.job import do

    run = RunFolder(home() / "runs" / "real-size")
    files.write_json(run.path / "spec.json", spec.model_dump())
    files.write_json(run.path / "state.json", State().model_dump())
    do(run, run.move("running").attempt)
    return run


def _metrics(result: dict[str, Any]) -> str:
    known = {name: found["after"] for name, found in result["metrics"].items()}
    return ", ".join(f"{name} {value:.3g}" for name, value in known.items() if isinstance(value, float))


def _bytes(run: RunFolder) -> int:
    return sum(path.stat().st_size for path in (run.path / "after").rglob("*") if path.is_file())


@torch.no_grad()
def _loaded(run: RunFolder, to: Path) -> str:
    """Export the run, load it with diffusers, and tell how far its U-Net predicts from the model before."""
    from diffusers import StableDiffusionPipeline

    from backends.engine.export import write_model
    from backends.engine.loading import open_task
    from backends.engine.session import OpenRun

    task = open_task(run.spec.model, "", {"precision": "float32"})
    write_model(OpenRun(run, task), to)
    loaded = StableDiffusionPipeline.from_pretrained(to, torch_dtype=torch.float32)
    pipe, before = task.pipe, task.load()
    words, x, t = pipe.words(before, ["a dog"]), pipe.start([0]), torch.tensor([500])
    said, after = pipe.predict(before, x, t, words), loaded.unet(x, t, words.hidden).sample
    moved = float((said - after).norm() / said.norm())
    shutil.rmtree(to)
    return f"exported, loaded by diffusers; what its U-Net predicts moved by {100 * moved:.2f} %"
