# The CTI server.
FROM debian:trixie-slim AS build

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends espeak-ng python3 python3-pip sox \
 && rm -rf /var/lib/apt/lists/*

# Another package index than pip's own: docker-compose build --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
WORKDIR /src
COPY requirements.lock ./
RUN pip wheel --quiet --require-hashes --requirement requirements.lock --wheel-dir /wheels

# The lock also has what tests need. Only what the product asks for is installed, from the wheels just checked.
COPY pyproject.toml README.md LICENSE ./
COPY asterisk_config asterisk_config
COPY cti_server cti_server
COPY recordings recordings
COPY webrtc_gateway webrtc_gateway
RUN python3 -m venv --without-pip /opt/cti \
 && pip --python /opt/cti/bin/python install --quiet --no-index --find-links /wheels .
RUN /opt/cti/bin/python -c \
  "from pathlib import Path; from asterisk_config.prompts import make_prompts; make_prompts(Path('/opt/cti/prompts'))"


FROM debian:trixie-slim AS server

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && groupadd --gid 10001 cti \
 && useradd --uid 10001 --gid 10001 --home-dir /srv/cti --no-create-home --shell /usr/sbin/nologin cti \
 && install -d -o cti -g cti -m 700 /srv/cti /srv/cti/pbx /srv/cti/var /run/cti
COPY --from=build /opt/cti /opt/cti

ENV PATH=/opt/cti/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CTI_SETTINGS=/srv/cti/var/run/server.json
USER cti
WORKDIR /srv/cti
# One server to a folder: the lock says so, also to `cti doctor`. flock becomes the server.
CMD ["flock", "--no-fork", "--nonblock", "/srv/cti/var/up.lock", "cti", "serve"]


# The same with SIPp, for `cti simulate`.
FROM server AS simulate

USER root
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends sip-tester \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
USER cti
CMD ["cti", "simulate"]
