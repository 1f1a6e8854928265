# make          build, test our server and client with both engines, compare them, run the specs, write out/index.html
# make test     go vet and all tests; needs no Docker
#
# Everything is made in bin/ and out/. Without a Docker engine the parts that need one are left out, with a line that says so.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BIN     := bin/wsconform

# Sections 12 and 13 have 18 sizes each, the large ones take minutes; `make` plays the three smallest. A pattern with a star is
# open at its end, hence the dollar sign.
LIGHT    = --cases '1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*.[123]$$,13.*.[123]$$'
SELECT  ?= $(LIGHT)
STRICT  ?= --strict
FUZZTIME ?= 30s

# The report of our own engine comes first, within a minute; Autobahn's verdicts and the differences are added to it. All
# parts are run even if one fails: whoever looks wants to see the others.
.PHONY: all
all: build
	@status=0; \
	$(MAKE) --no-print-directory native || status=1; \
	if scripts/install-docker.sh; then \
		$(MAKE) --no-print-directory autobahn parity || status=1; \
	else \
		echo "There is no Docker engine, so the real Autobahn was not run: the verdicts in out/index.html are those of our own engine."; \
	fi; \
	$(MAKE) --no-print-directory compliance || status=1; \
	echo "report: $(CURDIR)/out/index.html"; exit $$status

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/wsconform
	@ln -sf wsconform bin/wstest

# The race detector needs a C compiler.
RACE = $(shell command -v "$$($(GO) env CC)" >/dev/null && echo -race)

# That it can be built elsewhere, too.
.PHONY: cross
cross:
	for os in darwin windows; do GOOS=$$os CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/wsconform || exit 1; done

# What runs the tests names those that were skipped, and why, at the end. It is pinned in .ci/tools, as is the linter, so that
# neither's dependencies are ours.
.PHONY: test
test:
	$(GO) vet ./...
	@[ -n "$(RACE)" ] || echo "There is no C compiler, so the tests run without the race detector (on Debian: apt-get install gcc libc6-dev)."
	$(GO) tool -modfile=.ci/tools/test.mod gotestsum --format pkgname -- $(RACE) ./...

# The pages in headless Chromium: what is written is seen, no script of a peer runs, axe-core finds nothing; and when the first
# paint is.
AXE = out/browser/node_modules/axe-core/axe.min.js
.PHONY: browser
browser:
	scripts/install-test-programs.sh out/python out/browser
	AXE_CORE=$(CURDIR)/$(AXE) $(GO) test ./reports/... -count 1 -run Browser -v
	$(GO) test ./reports -run '^$$' -bench FirstPaint -benchtime 10x

.PHONY: compliance
compliance:
	$(GO) test ./compliance

# The reference server, then the reference client, under our own engine.
.PHONY: native
native: build
	@status=0; \
	$(BIN) test --strict $(SELECT) --agent wsconform-server --server-cmd '$(BIN) echo --addr {host}:{port}' -o out/native-server || status=$$?; \
	$(BIN) test --strict $(SELECT) --agent wsconform-client --client -o out/native-client -- $(BIN) drive {url} || status=$$?; \
	$(BIN) report out/native-server/run.jsonl out/native-client/run.jsonl -o out || status=$$?; exit $$status

# The same under the real Autobahn.
.PHONY: autobahn
autobahn: image
	@status=0; \
	$(BIN) autobahn run --role server $(STRICT) $(SELECT) -o out/autobahn-server || status=$$?; \
	$(BIN) autobahn run --role client $(STRICT) $(SELECT) -o out/autobahn-client || status=$$?; \
	$(BIN) report out/*/run.jsonl -o out || status=$$?; exit $$status

# Where the two engines disagree.
.PHONY: parity
parity: build
	@status=0; for role in server client; do \
		echo "$$role, native against autobahn:"; $(BIN) parity out/native-$$role/run.jsonl out/autobahn-$$role/run.jsonl || status=1; \
	done; exit $$status

# All 517 cases, with our own engine and with Autobahn.
.PHONY: native-full
native-full: build
	@$(MAKE) --no-print-directory native SELECT=

.PHONY: autobahn-full
autobahn-full: build
	@scripts/install-docker.sh
	@$(MAKE) --no-print-directory autobahn SELECT=

.PHONY: image
image: build
	@$(BIN) autobahn image

# Third-party implementations side by side: out/compare/index.html. All of them take the better part of an hour, once built.
.PHONY: compare
compare: build
	$(BIN) compare $(COMPARE) -o out/compare

# A few, with the light cases, each from its registry: what CI runs. What cannot be built for lack of a compiler is left out.
.PHONY: compare-small
compare-small: build
	@set --; for one in go-gorilla:go python-websockets:python3 js-ws:npm rust-tungstenite:cargo; do \
		if command -v $${one#*:} >/dev/null; then set -- "$$@" $${one%:*}; \
		else echo "compare: $${one#*:} is not installed, so $${one%:*} is left out"; fi; \
	done; $(BIN) compare "$$@" --cases '1.*,2.*,3.*,4.*,5.*,7.*,10.*' -o out/compare-small

# What Autobahn says of each faulty peer in fixtures/mutants, written to its golden files.
.PHONY: record
record: image
	$(GO) test ./harness/native -run TestRecordMutants -timeout 2h -v -mutants.record

# The image that takes the place of the published one: our program and nothing else.
IMAGE = wsconform
.PHONY: wstest-image
wstest-image: build
	mkdir -p $(addprefix dist/image/,usr/local/bin opt/pypy/bin config reports tmp)
	cp $(BIN) dist/image/usr/local/bin/
	ln -sf wsconform dist/image/usr/local/bin/wstest
	ln -sf /usr/local/bin/wsconform dist/image/opt/pypy/bin/wstest
	chmod 1777 $(addprefix dist/image/,config reports tmp)
	docker build -q -t $(IMAGE) .

# Each fuzz target for FUZZTIME.
.PHONY: fuzz
fuzz:
	@$(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ {names[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, names[i]; n = 0}' | \
	while read -r pkg name; do echo "$$pkg $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$pkg" || exit 1; done

# Go's own benchmarks; and both engines against the same peers, in turns.
.PHONY: bench
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-engines
bench-engines: image
	scripts/bench.sh

# Package ws against other Go libraries; a module of its own, so that they stay out of ours. Needs Linux.
.PHONY: bench-ws
bench-ws:
	cd ws/bench && $(GO) run . $(BENCHFLAGS)

# The first run builds the linter, which takes minutes.
.PHONY: lint
lint:
	$(GO) tool -modfile=.ci/tools/lint.mod golangci-lint run

.PHONY: clean
clean:
	@if [ -x $(BIN) ]; then $(BIN) clean || true; fi
	rm -rf bin out
