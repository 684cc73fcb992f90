"""What one visitor of a shared studio may use, and how long anybody waits: every limit, in one place.

Each can be set by an environment variable of its name with LETHE_ before it (LETHE_RUNNING_JOBS=2).
"""

from functools import lru_cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MB = 1024 * 1024


class Limits(BaseSettings):
    """Limits of a studio. Those of a visitor hold where strangers share it (`home.shared`); the others always hold."""

    model_config = SettingsConfigDict(env_prefix="LETHE_", extra="ignore", frozen=True)

    # of one visitor of a shared studio
    queued_jobs: int = Field(default=3, ge=1, description="jobs of one visitor that may wait")
    waiting_jobs: int = Field(default=60, ge=1, description="jobs of all visitors together that may wait")
    running_jobs: int = Field(default=1, ge=1, description="jobs of one visitor that may run at once")
    job_seconds: float = Field(default=900, gt=0, description="seconds that one job may run")
    spec_bytes: int = Field(default=256 * 1024, ge=1024, description="bytes of a job's description")
    visitor_bytes: int = Field(
        default=500 * MB, ge=MB, description="bytes of disk of one visitor's runs; the oldest go first"
    )
    # of all visitors of a shared studio together
    visits_bytes: int = Field(
        default=200 * MB,
        ge=MB,
        description="bytes of looks inside runs by those who may not change them; the oldest go first",
    )
    # of a class
    class_pupils: int = Field(default=100, ge=1, description="pupils of a class")
    wrong_codes: int = Field(default=20, ge=1, description="wrong codes of a class from one address in a minute")
    # always
    questions: int = Field(
        default=2000, ge=1, description="questions of one file or field, counted before they are read"
    )
    upload_bytes: int = Field(default=4 * MB, ge=1024, description="bytes of one uploaded file")
    upload_files: int = Field(default=20, ge=1, description="files of one upload")
    body_bytes: int = Field(default=4 * MB, ge=1024, description="bytes of one request that is no upload")
    uploads_bytes: int = Field(default=200 * MB, ge=MB, description="bytes of all uploads that lie on disk at once")
    sessions: int = Field(default=500, ge=1, description="pages open at once")
    idle_seconds: float = Field(
        default=600, gt=0, description="seconds that a closed page's state waits for its return"
    )
    config_bytes: int = Field(
        default=8 * MB, ge=1024, description="bytes of a file of settings or of a template of an own model"
    )
    tokenizer_bytes: int = Field(default=100 * MB, ge=1024, description="bytes of one file of an own model's tokenizer")
    import_bytes: int = Field(default=4096 * MB, ge=MB, description="bytes of one run that is imported, unpacked")
    import_files: int = Field(default=20_000, ge=1, description="files of one run that is imported")
    # each holds one of the 40 threads that pages are answered in
    waiting_looks: int = Field(default=20, ge=1, le=30, description="requests that wait for a warm process at once")
    wait_seconds: float = Field(default=20, gt=0, description="seconds that a request waits for the warm process")
    answer_seconds: float = Field(
        default=60,
        gt=0,
        description="seconds that the warm process has for one short answer, or may be silent in a longer one",
    )
    look_seconds: float = Field(
        default=600, gt=0, description="seconds that one look inside, or an answer that is told as it grows, may take"
    )


@lru_cache(maxsize=1)
def limits() -> Limits:
    """The limits of this process, read once from its environment."""
    return Limits()
