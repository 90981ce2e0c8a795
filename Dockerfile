# Build: everything that has a compiler in it stays here.
FROM debian:trixie-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake ninja-build gcc libc6-dev pkg-config \
        libmicrohttpd-dev libjwt-dev libjansson-dev libpq-dev libssl-dev libsodium-dev libutf8proc-dev libcsv-dev \
        zlib1g-dev libseccomp-dev python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN scripts/docs-assets.sh
RUN cmake --preset release -DSTEWARD_TESTS=OFF && cmake --build build/release --target steward && strip build/release/steward

# Run: the binary with its libraries; the migrations are inside of it.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
        libmicrohttpd12t64 libjwt2 libjansson4 libpq5 libssl3t64 libsodium23 libutf8proc3 libcsv3 zlib1g libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/steward /usr/local/bin/steward
COPY LICENSE /usr/share/doc/steward/LICENSE
USER 10001:10001
ENV STEWARD_LISTEN=0.0.0.0 STEWARD_PORT=8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["steward", "healthcheck"]
ENTRYPOINT ["steward"]
CMD ["serve"]
