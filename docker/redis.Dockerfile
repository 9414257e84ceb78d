# The journal of the live state. No network: it listens on a socket in a volume that it shares with the server.
FROM debian:trixie-slim

RUN groupadd --gid 10001 cti \
 && useradd --uid 10001 --gid 10001 --home-dir /srv/redis --no-create-home --shell /usr/sbin/nologin cti \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && install -d -o cti -g cti -m 700 /srv/redis /run/cti

USER cti
WORKDIR /srv/redis
CMD ["redis-server", "--port", "0", "--unixsocket", "/run/cti/redis.sock", "--unixsocketperm", "700", \
     "--dir", "/srv/redis", "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s \
  CMD redis-cli -s /run/cti/redis.sock ping | grep -q PONG
