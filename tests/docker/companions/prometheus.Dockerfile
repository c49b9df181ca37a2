# Stands in for prom/prometheus where no registry is reached: Debian's package, laid out as that image is.
ARG BASE=modelyard-base:bookworm
FROM ${BASE}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends prometheus > /dev/null \
    && rm -rf /var/lib/apt/lists/* && mkdir -p /prometheus && chown 65534:65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
