# One image for all workers, front ends and steps: `docker run ates worker tasks`, `docker run ates web auth`, …
FROM python:3.11.14-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir --require-hashes --requirement requirements/build.lock \
    && pip wheel --no-cache-dir --require-hashes --requirement requirements/core.lock --wheel-dir /wheels \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11.14-slim
# Directories that exist here give their owner to the volumes mounted over them.
RUN useradd --system --uid 10001 --home-dir /var/lib/ates ates \
    && install --directory --owner ates /var/lib/ates /var/lib/ates/gateway /var/lib/ates/faust
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels ates
ENV ATES_DATA=/var/lib/ates \
    ATES_HOST=0.0.0.0 \
    ATES_PORT=8000 \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/ates
USER 10001
EXPOSE 8000
ENTRYPOINT ["ates"]
