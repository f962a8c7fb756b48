# The tagger, core install only: litert runs the network, TensorFlow is not in the image.
# One image, many processes: docker run tagger worker | scheduler | db upgrade | ...
FROM python:3.11-slim AS build

WORKDIR /build
RUN python -m venv /opt/tagger
ENV PATH=/opt/tagger/bin:$PATH
# Dependencies first and by themselves: a change of our code does not install them again.
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY cli cli
COPY db db
COPY model model
COPY review review
COPY scheduler scheduler
COPY worker worker
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.11-slim

COPY --from=build /opt/tagger /opt/tagger
RUN useradd --system --uid 10001 --user-group --create-home --home-dir /home/tagger tagger
# OMP_NUM_THREADS and the like are set by `tagger worker` itself. REMAP_SIGTERM must stay unset.
ENV PATH=/opt/tagger/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER tagger
WORKDIR /home/tagger
STOPSIGNAL SIGTERM
ENTRYPOINT ["tagger"]
CMD ["--help"]
