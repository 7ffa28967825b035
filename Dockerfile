# The image of every process in fly.toml; put your stopcast.toml beside this file first.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-dev.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-dev.lock
COPY . .
RUN cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file /sbom.cdx.json requirements.lock
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11-slim
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl
COPY --from=build /sbom.cdx.json .
COPY stopcast.toml .
USER nobody
CMD ["stopcast", "gateway"]
