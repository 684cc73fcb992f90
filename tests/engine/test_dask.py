"""Jobs on a Dask cluster of this machine, over TLS: a scheduler and two workers, each of which may be killed."""

import contextlib
import socket
import ssl
import stat
import time

import psutil
import pytest
from small_jobs import LONG, PATIENCE, SETTINGS, jobs, numbers, step_of, until

from backends.api import __version__, engine
from backends.api.errors import BadInput, OutOfReach
from backends.api.spec import ENDED
from backends.engine import entry, exit_codes, tls
from backends.engine.cluster import Cluster
from backends.engine.dask_executor import places


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, with certificates of their own, each with a GPU, which no job here computes on."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("LETHE_TLS_DIR", str(tmp_path_factory.mktemp("tls")))
        with Cluster(workers=2, gpus=["0", "GPU-1f"]) as made:
            yield made


@pytest.fixture
def start(cluster, monkeypatch):
    """Starts an engine that gives its jobs to the cluster."""
    started = []

    def go():
        process = engine.start(scheduler=cluster.address)
        started.append(process)
        engine.wait(process, PATIENCE)
        until(lambda: engine.status().get("slots") == 2)
        return process

    monkeypatch.setenv("LETHE_TLS_DIR", str(tls.folder()))
    yield go
    for process in started:
        process.terminate()
        process.wait(timeout=20)


def over(run):
    return run.state.status in ENDED


def holder(cluster):
    """The worker whose job process works most."""

    def worked(process):
        return max((job.cpu_times().user for job in jobs(process.pid)), default=0)

    before = {process.pid: worked(process) for process in cluster.processes[1:]}
    time.sleep(1.5)
    return max(cluster.processes[1:], key=lambda process: worked(process) - before[process.pid])


@pytest.mark.slow
def test_a_job_survives_its_worker_and_then_the_scheduler(cluster, start, queue, undisturbed):
    start()
    run = queue(epochs=LONG)
    until(lambda: step_of(run) >= 20)
    worker = holder(cluster)
    inside = psutil.Process(worker.pid).children(recursive=True)
    for process in [psutil.Process(worker.pid), *inside]:
        process.kill()
    cluster.tend()
    until(lambda: run.state.attempt == 2 or over(run))
    before = step_of(run)
    until(lambda: step_of(run) > before or over(run))
    cluster.processes[0].kill()
    cluster.processes[0].wait()
    until(lambda: "does not answer" in engine.status()["message"] or over(run), 60)
    cluster.tend()
    until(lambda: (cluster.tend(), over(run))[1])
    state = run.state
    assert state.status == "done", state.message
    assert state.attempt >= 2 and exit_codes.LOST in [moment.note for moment in state.history]
    assert exit_codes.CRASHED not in [moment.note for moment in state.history]
    assert numbers(run) == undisturbed


@pytest.mark.slow
def test_two_jobs_at_once_and_one_is_cancelled(cluster, start, queue):
    until(lambda: (cluster.tend(), True)[1])
    start()
    first, second = queue(epochs=200), queue(epochs=1)
    until(lambda: first.state.status == "running" and second.state.status == "running")
    until(lambda: step_of(first) >= 1)
    devices = [
        {job.environ()["CUDA_VISIBLE_DEVICES"] for job in jobs(process.pid)} for process in cluster.processes[1:]
    ]
    assert devices == [{"0"}, {"GPU-1f"}]  # each worker's jobs see one device, the one it was given
    first.cancel()
    until(lambda: over(first))
    until(lambda: over(second))
    assert (first.state.status, second.state.status) == ("cancelled", "done")


@pytest.mark.slow
def test_every_socket_of_the_cluster_is_on_loopback(cluster):
    def listening():
        found = {}
        for root in cluster.processes:
            for process in [psutil.Process(root.pid), *psutil.Process(root.pid).children(recursive=True)]:
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        found.setdefault(process.pid, []).append(connection.laddr.ip)
        return found

    until(lambda: len(listening()) >= 5)  # the scheduler, two nannies, two workers
    assert {address for addresses in listening().values() for address in addresses} == {"127.0.0.1"}


@pytest.mark.slow
def test_nobody_joins_without_the_certificate(cluster):
    host, _, port = cluster.address.removeprefix("tls://").partition(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        plain.sendall(b"hello" * 10)
        plain.settimeout(5)
        with contextlib.suppress(ConnectionError):
            assert b"Scheduler" not in plain.recv(1000)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        socket.create_connection((host, int(port)), 5) as raw,
        context.wrap_socket(raw) as secured,
    ):
        secured.settimeout(5)
        secured.sendall(b"hello")
        if not secured.recv(10):
            raise ConnectionError


def test_keys_are_for_their_owner_only(tmp_path):
    made = tls.make(tmp_path / "tls")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE((made / tls.KEY).stat().st_mode) == 0o600
    key = (made / tls.KEY).read_bytes()
    assert (tls.make(made) / tls.KEY).read_bytes() == key


def test_jobs_go_where_the_gpus_are_and_else_to_any_worker():
    assert places([{"job": 1}, {"job": 1.0}]) == ("job", 2)
    assert places([{"job": 1}, {"job": 1, "GPU": 1}, {"GPU": 2.0}]) == ("GPU", 2)  # a worker does one job at a time
    assert places([]) == ("job", 0)


@pytest.mark.parametrize("address", ["tls://h:1", "tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"])
def test_addresses_that_may_be_used(address):
    assert tls.checked(address) == address


@pytest.mark.parametrize(
    "address", ["", "h:1", "tls://h", "tcp://192.168.0.3:8786", "http://h:1", "tls://h:x", "tls://h:1/x"]
)
def test_addresses_that_may_not(address):
    with pytest.raises(BadInput, match="tls://"):
        tls.checked(address)


def test_no_certificates_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_TLS_DIR", str(tmp_path))
    with pytest.raises(OutOfReach, match=r"holds no lethe-cert.pem and lethe-key.pem"):
        tls.security("tls://127.0.0.1:1")


def test_a_worker_of_another_version_refuses_in_words(queue):
    said = entry.run_job("0.0.0", str(queue().path), 1)
    assert said["kind"] == "refused" and f"has Lethe {__version__}, but the studio has 0.0.0" in said["message"]


def test_a_worker_that_does_not_see_the_run_says_so(tmp_path):
    said = entry.run_job(__version__, str(tmp_path / "runs" / "r"), 1)
    assert said["kind"] == "refused" and "disk that all machines share" in said["message"]
