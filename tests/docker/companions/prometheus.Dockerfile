# Stands in for prom/prometheus where no registry is reached: Debian's package, laid out as that image is.
ARG BASE=modelyard-base:bookworm
FROM ${BASE}
# Unpacked alone: what it depends upon is its web console's, some hundred megabytes.
RUN apt-get update -qq && cd /tmp && apt-get download -qq prometheus && dpkg --extract prometheus_*.deb p \
    && mv p/usr/bin/prom* /usr/local/bin && rm -rf /tmp/* /var/lib/apt/lists/* && mkdir -p /prometheus && chown 65534:65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
