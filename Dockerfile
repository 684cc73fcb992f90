# Lethe in one container: the studio on port 7860, as a Hugging Face Space or on any machine.
#
#   docker build -t lethe . && docker run --rm -p 127.0.0.1:7860:7860 -v lethe:/home/lethe/.lethe lethe
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 lethe
ENV LETHE_HOME=/home/lethe/.lethe \
    HF_HOME=/home/lethe/.cache/huggingface \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    GRADIO_ANALYTICS_ENABLED=False \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1

# The build of PyTorch without CUDA: a Space without a GPU is the common case. For one with a GPU build with
# --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements/studio.txt /tmp/studio.txt
RUN pip install --no-deps --require-hashes -r /tmp/studio.txt \
    && pip install torch==2.13.0 --index-url ${TORCH_INDEX} --extra-index-url https://pypi.org/simple

WORKDIR /home/lethe/lethe
COPY --chown=lethe:lethe . .
# Image layers keep whole seconds only, and the catalog knows its sources by their times: they are set to whole seconds.
RUN pip install --no-deps -e . && find . -type f -exec touch --date=2026-01-01T00:00:00Z {} + \
    && python -m compileall -q app backends lethe pages

USER lethe
RUN lethe catalog --json > /dev/null && python -m backends.inspectors._umap
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["lethe", "serve", "--host", "0.0.0.0", "--port", "7860"]
