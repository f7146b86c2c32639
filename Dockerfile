# SPDX-License-Identifier: Apache-2.0
#
# docker build -t registry .                     the server, with busybox for health checks and `docker exec`
# docker build -t registry:slim --target slim .  the server alone
FROM debian:trixie-slim AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkgconf \
        libuv1-dev libllhttp-dev libsodium-dev libcjson-dev libinih-dev libyaml-dev \
        libcrypt-dev uthash-dev \
        ca-certificates busybox-static dpkg-dev make && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY image/source image/libssl image/libcurl image/
RUN image/libssl /libssl && rm -r /libssl
RUN image/libcurl /libcurl && rm -r /libcurl
COPY . .
RUN cmake -G Ninja -DIMAGE=ON -B /build . && ninja -C /build registry && \
    image/assemble /build/registry /image

FROM scratch AS slim
COPY --from=build /image/slim/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
VOLUME ["/var/lib/registry"]
EXPOSE 5000
ENTRYPOINT ["/bin/registry"]
CMD ["serve", "/etc/docker/registry/config.yml"]

FROM slim
COPY --from=build /image/shell/ /
ENTRYPOINT ["/entrypoint.sh"]
CMD ["/etc/docker/registry/config.yml"]
