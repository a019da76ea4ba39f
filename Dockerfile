# nocwatch in a container. The relay and the watch are one image and two services (docker-compose.yml), so that the watch can be
# replaced while the relay goes on carrying bytes.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/nocwatch && /opt/nocwatch/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY src src
COPY rules rules
RUN /opt/nocwatch/bin/pip install --no-cache-dir --no-deps --no-build-isolation . && cp -r src/nocwatch/sim/demo_registry /opt/nocwatch/demo_registry

FROM python:3.12-slim
RUN useradd --system --uid 8480 --create-home --home-dir /var/lib/nocwatch nocwatch
COPY --from=build /opt/nocwatch /opt/nocwatch
ENV PATH=/opt/nocwatch/bin:$PATH PYTHONUNBUFFERED=1
USER nocwatch
WORKDIR /var/lib/nocwatch
VOLUME /var/lib/nocwatch
# 9000 chargers, 8480 console, 9464 metrics of the watch, 9465 of the relay
EXPOSE 9000 8480 9464 9465
ENTRYPOINT ["nocwatch"]
CMD ["run"]
