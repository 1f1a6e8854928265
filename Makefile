# make          build, test our server and client with both engines, compare the verdicts, run the specs, write out/index.html
# make test     run go vet and all tests; needs no Docker
#
# Output goes to bin/, out/ and dist/. Without a Docker engine, the parts that need one are skipped with a message.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BIN     := bin/wsconform

# Sections 12 and 13 have 18 message sizes each, and the large ones take minutes, so `make` plays the three smallest. A pattern
# with a star is open at its end, hence the dollar sign.
LIGHT    = --cases '1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*.[123]$$,13.*.[123]$$'
SELECT  ?= $(LIGHT)
STRICT  ?= --strict
FUZZTIME ?= 30s

# The report of our own engine is there within a minute; Autobahn's verdicts and the differences are added later. A failing
# part does not stop the others.
.PHONY: all
all: build
	@status=0; \
	$(MAKE) --no-print-directory native || status=1; \
	if scripts/install-docker.sh; then \
		$(MAKE) --no-print-directory autobahn parity || status=1; \
	else \
		echo "No Docker engine, so the original Autobahn was not run: out/index.html has the verdicts of our own engine only."; \
	fi; \
	$(MAKE) --no-print-directory compliance || status=1; \
	echo "report: $(CURDIR)/out/index.html"; exit $$status

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/wsconform
	@ln -sf wsconform bin/wstest

# The race detector needs a C compiler.
RACE = $(shell command -v "$$($(GO) env CC)" >/dev/null && echo -race)

# Cross-compiles, to check portability.
.PHONY: cross
cross:
	for os in darwin windows; do GOOS=$$os CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/wsconform || exit 1; done

# The packages with the longest tests come first, since go test begins them in this order. gotestsum lists skipped tests, with the
# reason, at the end. The tools are pinned in .ci/tools, apart from go.mod, so that their
# dependencies do not become ours.
.PHONY: test
test:
	$(GO) vet ./...
	@[ -n "$(RACE)" ] || echo "No C compiler, so the tests run without the race detector (on Debian: apt-get install gcc libc6-dev)."
	$(GO) tool -modfile=.ci/tools/test.mod gotestsum --format pkgname -- $(RACE) -timeout 25m ./harness/internal/native ./cmd/wsconform ./...

# Opens the pages in headless Chromium: all text is visible, no script of a peer runs, axe-core finds nothing. Then measures the
# first paint.
AXE = out/browser/node_modules/axe-core/axe.min.js
.PHONY: browser
browser:
	scripts/install-test-programs.sh out/python out/browser
	AXE_CORE=$(CURDIR)/$(AXE) $(GO) test ./reports/... ./cmd/wsconform -count 1 -run 'Browser|Permalink|UI' -v
	$(GO) test ./reports -run '^$$' -bench FirstPaint -benchtime 10x

.PHONY: compliance
compliance:
	$(GO) test ./compliance

# Tests the reference server and the reference client with our own engine.
.PHONY: native
native: build
	@status=0; \
	$(BIN) test --strict $(SELECT) --agent wsconform-server --server-cmd '$(BIN) echo --addr {host}:{port}' -o out/native-server || status=$$?; \
	$(BIN) test --strict $(SELECT) --agent wsconform-client --client -o out/native-client -- $(BIN) drive {url} || status=$$?; \
	$(BIN) report out/native-server/run.jsonl out/native-client/run.jsonl -o out || status=$$?; exit $$status

# Tests both with the original Autobahn.
.PHONY: autobahn
autobahn: image
	@status=0; \
	$(BIN) autobahn run --role server $(STRICT) $(SELECT) -o out/autobahn-server || status=$$?; \
	$(BIN) autobahn run --role client $(STRICT) $(SELECT) -o out/autobahn-client || status=$$?; \
	$(BIN) report out/*/run.jsonl -o out || status=$$?; exit $$status

# Lists the verdicts on which the engines differ.
.PHONY: parity
parity: build
	@status=0; for role in server client; do \
		echo "$$role, native against autobahn:"; $(BIN) parity out/native-$$role/run.jsonl out/autobahn-$$role/run.jsonl || status=1; \
	done; exit $$status

# All 517 cases, with our own engine or with Autobahn.
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

# Compares third-party implementations: out/compare/index.html. All of them take most of an hour, once built.
.PHONY: compare
compare: build
	$(BIN) compare $(COMPARE) -o out/compare

# Compares a few of them with the fast cases, as CI does. Skips those whose compiler is not installed.
.PHONY: compare-small
compare-small: build
	@set --; for one in go-gorilla:go python-websockets:python3 js-ws:npm rust-tungstenite:cargo; do \
		if command -v $${one#*:} >/dev/null; then set -- "$$@" $${one%:*}; \
		else echo "compare: skipping $${one%:*}: $${one#*:} is not installed"; fi; \
	done; $(BIN) compare "$$@" --cases '1.*,2.*,3.*,4.*,5.*,7.*,10.*' -o out/compare-small

# Records Autobahn's verdicts on each faulty peer in its golden file; MUTANTS=NAME,... only on those.
.PHONY: record
record: image
	$(GO) test ./harness/internal/native -run TestRecordMutants -timeout 2h -v -mutants.record -mutants.only="$(MUTANTS)"

# Plays every faulty peer in both roles and writes which cases tell it from a good one. What was played is kept in out/kill-matrix,
# so an interrupted run goes on where it stopped. CASES=PATTERNS and MUTANTS=NAMES play these alone, which takes a minute or two.
.PHONY: kill-matrix
kill-matrix: build
	$(GO) test ./harness/internal/native -run 'TestKillMatrix$$' -timeout 2h -v -kills.out $(CURDIR)/fixtures/mutants/kills.json -kills.cells $(CURDIR)/out/kill-matrix/cells.jsonl -kills.cases="$(CASES)" -kills.mutants="$(MUTANTS)"
	$(GO) run ./cmd/wsconform ledger --kills -o out/kill-matrix

# The image that takes the place of Autobahn's published one.
# IMAGE is built on BASE, and IMAGE-scratch on nothing; IMAGE may have a tag. Where
# BASE cannot be pulled, a Debian made by debootstrap takes its place.
IMAGE = wsconform
BASE = debian:bookworm-slim
.PHONY: wstest-image
wstest-image: build
	scripts/stage-image.sh $(BIN) dist/image
	base=$$(scripts/image-base.sh $(BASE) $(BIN)) && docker build -q -t $(IMAGE) --build-arg BASE=$$base .
	docker build -q -t $(IMAGE)-scratch --build-arg BASE=scratch .

# Everything that a release holds, in dist/. The first run builds the tools, which takes minutes.
.PHONY: release
release:
	scripts/release.sh

# Builds a release twice and compares the checksums.
.PHONY: release-check
release-check: release
	cp dist/checksums.txt out/release-checksums.txt
	scripts/release.sh
	diff out/release-checksums.txt dist/checksums.txt && echo "both builds have the same bytes"

# Runs each fuzz target for FUZZTIME.
.PHONY: fuzz
fuzz:
	@$(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ {names[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, names[i]; n = 0}' | \
	while read -r pkg name; do echo "$$pkg $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$pkg" || exit 1; done

# Go's benchmarks. bench-engines times both engines against the same peers, in turn.
.PHONY: bench
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-engines
bench-engines: image
	scripts/bench.sh

# Compares package ws with other Go libraries, in a module of its own that keeps them out of ours. Linux only.
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
	rm -rf bin dist out
