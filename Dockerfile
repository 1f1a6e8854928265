# The image of wsconform, to be used as that of the Autobahn testsuite is: a
# line that runs the latter only changes the image's name.
#
# It holds one static binary, built before it on the host:
#
#	root=dist/image
#	mkdir -p $root/usr/local/bin $root/opt/pypy/bin $root/config $root/reports $root/tmp
#	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $root/usr/local/bin/wsconform ./cmd/wsconform
#	ln -sf wsconform $root/usr/local/bin/wstest
#	ln -sf /usr/local/bin/wsconform $root/opt/pypy/bin/wstest
#	chmod 1777 $root/config $root/reports $root/tmp
#	docker build -t wsconform .
#
# Folders are writable for all, so that it runs as any user. To have the
# certificates of wss servers verified, mount the host's: -v /etc/ssl/certs:/etc/ssl/certs:ro
FROM scratch
COPY dist/image/ /
ENV PATH=/usr/local/bin:/opt/pypy/bin
WORKDIR /
VOLUME /config /reports
EXPOSE 9001 8080
CMD ["/usr/local/bin/wstest", "--mode", "fuzzingserver", "--spec", "/config/fuzzingserver.json"]
