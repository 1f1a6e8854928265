# The image of wsconform, to be used as that of the Autobahn testsuite is: a
# line that runs the latter only changes the image's name.
#
# It holds one static binary, which make wstest-image builds and lays out first.
#
# Folders are writable for all, so that it runs as any user. To have the
# certificates of wss servers verified, mount the host's: -v /etc/ssl/certs:/etc/ssl/certs:ro
FROM scratch
COPY dist/image/ /
ENV PATH=/usr/local/bin:/opt/pypy/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
VOLUME /config /reports
EXPOSE 9001 8080
CMD ["/usr/local/bin/wstest", "--mode", "fuzzingserver", "--spec", "/config/fuzzingserver.json"]
