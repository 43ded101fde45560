# One image for all that is ours: `prelude exporter`, `prelude analytics`, `prelude store`, and the demo CRM of docker-compose.yml.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir "uv>=0.9,<1"
ENV UV_PROJECT_ENVIRONMENT=/opt/prelude UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /source
COPY pyproject.toml uv.lock README.md LICENSE ./
# Dependencies first: a change of the sources does not fetch them again.
RUN uv sync --locked --no-dev --no-install-project --extra exporter --extra analytics --extra seals --extra s3 --extra demo
COPY src src
COPY exporter exporter
COPY examples examples
RUN uv sync --locked --no-dev --no-editable --extra exporter --extra analytics --extra seals --extra s3 --extra demo

FROM python:3.13-slim
COPY --from=build /opt/prelude /opt/prelude
ENV PATH=/opt/prelude/bin:$PATH PYTHONUNBUFFERED=1
# Writes nothing but the demo CRM's own data, the key of seals, and checkpoints; a new volume takes owner and mode of its folder here.
RUN useradd --uid 10001 --no-create-home prelude \
    && install -d -o prelude /var/lib/prelude /var/lib/prelude-checkpoints \
    && install -d -o prelude -m 700 /var/lib/prelude-seal
USER prelude
WORKDIR /var/lib/prelude
ENTRYPOINT ["prelude"]
CMD ["--help"]
