# The image of wsconform takes the place of crossbario/autobahn-testsuite: a line
# that runs that needs nothing but this image's name. `make wstest-image` lays out
# dist/image and builds two: one with Debian's shell, one on scratch.
#
# Folders are writable for everyone, so it runs as any user. The certificates of wss
# servers are verified only where the image has a bundle of authorities: to use the
# host's, add -v /etc/ssl/certs:/etc/ssl/certs:ro.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
COPY dist/image/ /
ENV PATH=/usr/local/bin:/opt/pypy/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
VOLUME /config /reports
EXPOSE 9001 8080
CMD ["/usr/local/bin/wstest", "--mode", "fuzzingserver", "--spec", "/config/fuzzingserver.json"]
