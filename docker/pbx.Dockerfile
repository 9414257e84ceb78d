# Asterisk, from the Debian suite that has it. Its configuration comes from a volume (`cti prepare`).
FROM debian:sid-slim

# The account has the same number in all images, so that they share volumes without root.
RUN groupadd --gid 10001 asterisk \
 && useradd --uid 10001 --gid 10001 --home-dir /srv/cti --no-create-home --shell /usr/sbin/nologin asterisk \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      asterisk asterisk-core-sounds-en-wav asterisk-moh-opsound-wav python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /etc/asterisk/* \
# 22.10.1 carries the fixes of about twenty advisories; an image of an older one is not to be had.
 && dpkg --compare-versions "$(dpkg-query -W -f '${Version}' asterisk)" ge 1:22.10.1 \
# the same path on every architecture, for the node's configuration
 && mkdir -p /usr/lib/asterisk && ln -sfn /usr/lib/*/asterisk/modules /usr/lib/asterisk/modules \
 && install -d -o asterisk -g asterisk -m 700 /srv/cti /srv/cti/pbx

USER asterisk
WORKDIR /srv/cti
CMD ["asterisk", "-f", "-n", "-C", "/srv/cti/pbx/pbx-a/etc/asterisk.conf"]
HEALTHCHECK --interval=3s --timeout=5s --start-period=30s \
  CMD ["asterisk", "-C", "/srv/cti/pbx/pbx-a/etc/asterisk.conf", "-rx", "core waitfullybooted"]
