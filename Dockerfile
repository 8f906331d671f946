# One image for every command: operator, serve, run, demo, train and the rest. How to build and run it: docs/image.md.

FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS base
# Bytecode is made on purpose below, and never by an import: that would hold it to a time.
ENV PYTHONDONTWRITEBYTECODE=1

# What the lock names, by hash, in a virtual environment whose path is the same while building and running. The final
# stage's Python is this one, so nothing is copied that was not resolved here.
FROM base AS locked
WORKDIR /build
COPY requirements.txt ./
# The secret is optional: settings of pip for a mirror, which must not stay in a layer.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m venv --without-pip /opt/helios \
    && pip --python /opt/helios/bin/python install --no-cache-dir --no-compile --require-hashes --requirement requirements.txt

# Helios itself, as files that a layer of their own lays over the environment: a new version changes only that.
FROM locked AS release
COPY LICENSE README.md pyproject.toml ./
COPY helios helios
COPY scoring scoring
RUN pip --python /opt/helios/bin/python install --no-cache-dir --no-compile --no-index --no-deps --no-build-isolation \
        --root /release . \
    && PYTHONHASHSEED=0 /opt/helios/bin/python -m compileall -q --invalidation-mode unchecked-hash \
        -s /release /release/opt/helios/lib/python3.13/site-packages

# Without what no command needs: the build's own tools, tests of numpy, scipy, pandas, statsmodels and others, data sets
# of statsmodels, headers, and the asynchronous half of the Kubernetes client (40 MB; Helios uses the other half).
FROM locked AS slimmed
WORKDIR /opt/helios/lib/python3.13/site-packages
RUN pip --python /opt/helios/bin/python uninstall --quiet --yes editables hatchling pathspec pluggy tomlkit trove-classifiers \
    && pip --python /opt/helios/bin/python check \
    && find . -depth -type d \( -name test -o -name tests \) -exec rm -r {} + \
    && find . -type f \( -name '*.a' -o -name '*.h' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' \) -delete \
    && find statsmodels/datasets -type f -name '*.csv' -delete \
    && rm -r kubernetes/aio \
    && PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash .

FROM base
# No installer inside, and bytecode of the standard library beside it: the root file system is read-only at run time, so
# what is not compiled here would be compiled at every start. A user with a name, for libraries that ask for one.
RUN rm -r /usr/local/bin/pip* /usr/local/lib/python3.13/ensurepip /usr/local/lib/python3.13/site-packages/pip* \
    && PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(idlelib|lib2to3|test|tkinter|turtledemo)/' /usr/local/lib/python3.13 \
    && echo 'helios:x:65532:65532:Helios:/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'helios:x:65532:' >> /etc/group \
    && install -d -o 65532 -g 65532 /app /var/lib/helios
COPY --from=slimmed /opt/helios /opt/helios
COPY --from=release /release /

# One thread for each mathematical library: several fight over a container's share of the processors.
ENV PATH=/opt/helios/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
LABEL org.opencontainers.image.title="Helios" \
      org.opencontainers.image.description="Predictive autoscaling for Kubernetes" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="python:3.13-slim-trixie"
WORKDIR /app
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["helios"]
CMD ["--help"]
