# The image of every process; which one it is, its command says. It has no feeds in it: mount stopcast.toml at
# /app/stopcast.toml (compose.yaml, fly.toml), or make an image of your own from this one.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-dev.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-dev.lock
COPY . .
RUN cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file /sbom.cdx.json requirements.lock
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .
# Without pip, and compiled: the image's own file system can be read-only.
RUN python -m venv --without-pip /opt/stopcast \
  && pip --python /opt/stopcast/bin/python install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
  && pip --python /opt/stopcast/bin/python install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim
COPY --from=build /opt/stopcast /opt/stopcast
ENV PATH=/opt/stopcast/bin:$PATH \
  PYTHONUNBUFFERED=1 \
  STOPCAST_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /sbom.cdx.json .
# nobody, as a number: Kubernetes cannot tell from a name that it is not root
USER 65534:65534
EXPOSE 8000
# Of a gateway; other processes have none and switch it off.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', 8000)}/healthz\", timeout=2)"]
CMD ["stopcast", "gateway"]
