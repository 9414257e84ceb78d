# People, contacts, their stories. No network: it listens on a socket in a volume that it shares with the server.
FROM debian:trixie-slim

RUN groupadd --gid 10001 cti \
 && useradd --uid 10001 --gid 10001 --home-dir /srv/postgres --no-create-home --shell /usr/sbin/nologin cti \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-common \
 && sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-17 \
# the compiler of long queries is larger than all the rest, and we have no long queries
 && rm -f /usr/lib/*/libLLVM* /usr/lib/postgresql/17/lib/llvmjit* \
 && rm -rf /usr/lib/postgresql/17/lib/bitcode /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && ln -s /usr/lib/postgresql/17/bin/* /usr/local/bin/ \
 && install -d -o cti -g cti -m 700 /srv/postgres /run/cti
COPY postgres-start /usr/local/bin/

USER cti
WORKDIR /srv/postgres
STOPSIGNAL SIGINT
CMD ["postgres-start"]
HEALTHCHECK --interval=2s --timeout=3s --start-period=20s CMD ["pg_isready", "-q", "-h", "/run/cti", "-d", "cti"]
