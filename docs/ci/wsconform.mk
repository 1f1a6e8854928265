# A fragment for make, and so for any CI. In a Makefile:
#
#   WSCONFORM_VERSION := COMMIT
#   WSCONFORM_SERVER  := ./my-server --port {port}
#   include wsconform.mk
#
# `make wsconform` then tests the server, and `make wsconform-baseline` records its
# known failures.

WSCONFORM_DIR    ?= .wsconform
WSCONFORM        ?= $(WSCONFORM_DIR)/wsconform
WSCONFORM_OUT    ?= $(WSCONFORM_DIR)/report
WSCONFORM_FLAGS  ?=
WSCONFORM_EXPECT ?= wsconform.yaml

# The command that starts the server, where {port} becomes a free port; or the one
# that starts the client, where {url} becomes the URL to connect to.
WSCONFORM_SERVER ?=
WSCONFORM_CLIENT ?=

WSCONFORM_AGENT = $(if $(WSCONFORM_CLIENT),--client -- $(WSCONFORM_CLIENT),--server-cmd '$(WSCONFORM_SERVER)')

# make exits 2 whatever went wrong; the last lines of the output say what it was.
.PHONY: wsconform
wsconform: $(WSCONFORM)
	$(if $(WSCONFORM_CLIENT)$(WSCONFORM_SERVER),,$(error set WSCONFORM_SERVER or WSCONFORM_CLIENT))
	$(WSCONFORM) test --out $(WSCONFORM_OUT) $(WSCONFORM_FLAGS) $(WSCONFORM_AGENT)

.PHONY: wsconform-baseline
wsconform-baseline: $(WSCONFORM)
	$(WSCONFORM) baseline init $(WSCONFORM_OUT)/run.jsonl -o $(WSCONFORM_EXPECT)

$(WSCONFORM_DIR)/wsconform:
	$(if $(WSCONFORM_VERSION),,$(error set WSCONFORM_VERSION to a tag or a commit))
	GOBIN='$(abspath $(WSCONFORM_DIR))' CGO_ENABLED=0 go install 'github.com/wsconform/wsconform/cmd/wsconform@$(WSCONFORM_VERSION)'
