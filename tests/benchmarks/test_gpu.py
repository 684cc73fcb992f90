"""The benchmark for GPUs measures tiny shapes on the processor; no time is asserted."""

import torch

from tests.benchmarks import gpu


def test_each_method_of_a_shape_is_a_row(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_DEVICE", "cpu")
    monkeypatch.setenv("LETHE_PRECISION", "float32")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # where there is one, it is left alone
    to, words = tmp_path / "gpu.md", ["--tiny", "--place", str(tmp_path)]
    assert (
        gpu.main([*words, "--shape", "olmoe-1b-7b", "--shape", "resnet-50", "--method", "fine_tune", "--to", str(to)])
        == 0
    )
    assert gpu.main([*words, "--shape", "olmoe-1b-7b", "--method", "grad_diff", "--to", str(tmp_path / "2.md")]) == 0
    text = to.read_text("utf-8") + (tmp_path / "2.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    measured = {(row[0], row[1]): row for row in rows if row[0] != "model"}
    assert ("resnet-50", "fine_tune") in measured and ("olmoe-1b-7b", "grad_diff") in measured
    assert all(len(row) == len(gpu.HEADS) and float(row[2]) > 0 and row[4] == "nothing" for row in measured.values())
    assert text.startswith("# Step time") and "cpu (" in text
