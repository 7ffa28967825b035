# The image of every process; which one it is, its command says. It has no feeds in it: mount stopcast.toml at
# /app/stopcast.toml (compose.yaml, fly.toml), or make an image of your own from this one.

# With the tools of a compiler: strip. Nothing of it is in the image but what is copied from it below.
FROM python:3.11 AS build
WORKDIR /build
COPY requirements.lock .
# Without pip, and compiled: the image's own file system can be read-only. Symbols for debuggers are a
# fifth of the libraries; those of numpy.libs would not survive it.
RUN python -m venv --without-pip /opt/stopcast \
  && pip --python /opt/stopcast/bin/python install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
  && find /opt/stopcast/lib -name '*.so' -not -path '*/numpy.libs/*' -exec strip --strip-unneeded {} + \
  && find /opt/stopcast/lib/python3.11/site-packages/numpy -name tests -prune -exec rm -r {} +
COPY requirements-dev.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-dev.lock
COPY . .
RUN cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file /sbom.cdx.json requirements.lock
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
  && pip --python /opt/stopcast/bin/python install --no-cache-dir --no-deps --prefix /own /wheels/*.whl

FROM python:3.11-slim
# Libraries are one layer and Stopcast another: a release that needs no other ones is some megabytes.
COPY --from=build /opt/stopcast /opt/stopcast
COPY --from=build /own /opt/stopcast
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
