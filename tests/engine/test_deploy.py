"""The files that describe Lethe on Slurm and on Kubernetes name only what there is: commands, modules, variables, options of Dask."""

import importlib.util
import re
import subprocess

import yaml
from distributed.cli import dask_worker

from app.cli import COMMANDS
from backends.api.home import ASSETS

DEPLOY = ASSETS.parent / "deploy"
DOCUMENTED = set(re.findall(r"`(LETHE_\w+)`", (ASSETS.parent / "docs" / "deploy.md").read_text("utf-8")))


def test_every_kubernetes_object_fits_the_others():
    objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))
    by = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in objects}
    labels = {name: spec["template"]["metadata"]["labels"] for (kind, name), spec in by.items() if kind == "Deployment"}
    for (kind, name), spec in by.items():
        if kind == "Service":
            assert spec["selector"] == labels[name]
        if kind == "Deployment":
            assert spec["selector"]["matchLabels"] == labels[name]
            check_pod(spec["template"]["spec"], {claim for kind, claim in by if kind == "PersistentVolumeClaim"})
    gpus = [limits.get("nvidia.com/gpu") for limits in (pod(by, name)["resources"]["limits"] for name in labels)]
    assert gpus.count("1") == 1 and by["Deployment", "lethe"]["replicas"] == 1


def pod(by, name):
    return by["Deployment", name]["template"]["spec"]["containers"][0]


def check_pod(spec, claims):
    (container,) = spec["containers"]
    names = {volume["name"] for volume in spec["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == names
    assert {
        volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"] if "persistentVolumeClaim" in volume
    } <= claims
    assert {one["name"] for one in container["env"]} <= DOCUMENTED
    program, first, *_ = container["command"]
    assert first in COMMANDS if program == "lethe" else importlib.util.find_spec(container["command"][2])


def test_the_worker_of_dask_takes_the_options_that_slurm_gives_it(monkeypatch, home):
    monkeypatch.setenv("LETHE_TLS_DIR", str(home / "tls"))
    loader = importlib.util.spec_from_file_location("lethe_slurm", DEPLOY / "slurm.py")
    slurm = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(slurm)
    made = slurm.options(slurm.parsed(["--partition", "gpu", "--gpus", "1"]))
    assert made["job_extra_directives"] == ["--gpus=1"] and made["queue"] == "gpu"
    assert f'export LETHE_HOME="{home}"' in made["job_script_prologue"]
    words = dask_worker.main.make_context("worker", ["tls://h:1", *made["worker_extra_args"]]).params
    assert words["resources"] == "GPU=1,job=1" and words["preload"] == ("backends.engine.entry",)
    assert importlib.util.find_spec(words["preload"][0])


def test_the_batch_script_is_bash_and_asks_for_one_gpu():
    path = DEPLOY / "slurm-worker.sbatch"
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    text = path.read_text("utf-8")
    assert re.findall(r"^#SBATCH --gpus=(\d+)$", text, re.M) == ["1"] and "lethe worker --scheduler" in text
    without = subprocess.run(
        ["bash", str(path)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert without.returncode and "give the address of the scheduler" in without.stderr
