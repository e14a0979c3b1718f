# The whole project, from a fresh clone; `make help` says what there is.
#
# Everything is built in release mode and with one set of flags, so that no target undoes the work
# of another. Warnings are errors (Package.swift).

.DEFAULT_GOAL := help
.PHONY: help lint check-docs quick deps deps-test demo build install examples test test-swift test-oracles \
	test-documents test-transcripts test-daemons test-constant-time test-planted-faults test-losses bench \
	bench-daemons chaos cluster nothing-left-out

SWIFT_BUILD := swift build -c release
SWIFT_TEST := scripts/failures-last swift test -c release --disable-testable-imports
BCEMR := .build/release/bcemr
PREFIX ?= /usr/local
PROGRAMS := bcemr bcemrd
COMPLETIONS := bash-completion/completions zsh/site-functions fish/vendor_completions.d
UNIT := lib/systemd/system/bcemrd.service
ORACLES := .build-oracles
PYTHON := $(ORACLES)/bin/python
# What `make test` did not try, one a line.
LEFT_OUT := $(abspath $(ORACLES))/left-out
# Suites that ask servers, and give up in time.
WAITING_TESTS := HTTPTransportTests|S3BackendTests|EtcdBackendTests
# Simulations, stores that wait for the disk, the largest key file: make quick leaves them out.
SLOW := ConsortiumTests|SQLiteBackendTests|KeyFileTests

# Fast ones first. Times are those of two cores of x86-64 that nobody else uses.

## lint: 4 s. The style of all Swift files, and that generated code is what is generated
lint:
	swift format lint --strict --recursive Package.swift Sources Tests Examples
	scripts/field-kernels --check

## check-docs: 5 s. The documents and doc comments against the source, and that faults can be planted; needs no build
check-docs:
	scripts/check-docs
	scripts/check-readme
	scripts/planted-faults

## quick: half a minute and what has to be built. Style, documents, the unit tests that are fast
quick: deps lint check-docs
	$(SWIFT_TEST) --skip '$(SLOW)'

## test-swift: 3 min and what has to be built. All unit tests; some with make test-swift FILTER=TeamRuleTests
#
# One suite writes logs as tiles, and has the client of scripts/read-tiles read them; another seals
# envelopes, and has scripts/vectors/envelope.py open them; a third keeps records at moto and
# SeaweedFS; a fourth shares stores by members of etcd. Those that wait for servers run by themselves: beside all others nobody answers in time.
# Two tests for each core at a time: with all of them begun at once, those that wait for something starve.
test-swift: export BCEMR_PYTHON := $(abspath $(PYTHON))
test-swift: export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH := $(shell echo $$((2 * $$(nproc))))
test-swift: deps-test $(ORACLES)/ready
	$(SWIFT_BUILD)
	$(SWIFT_TEST) $(if $(FILTER),--filter '$(FILTER)',--skip '$(WAITING_TESTS)')
	$(if $(FILTER),,$(SWIFT_TEST) --filter '$(WAITING_TESTS)')

## demo: half a minute and what has to be built. A whole consortium (make demo ARGS='--doctors 5 --json')
demo: deps
	$(SWIFT_BUILD) --product bcemr
	$(BCEMR) demo $(ARGS)
	$(if $(ARGS),,$(BCEMR) demo --consortium)

## cluster: 3 min and what has to be built. Seven organisations as daemons, over HTTPS; ARGS=--keep leaves them running
cluster: export BCEMR_PYTHON := $(abspath $(PYTHON))
cluster: deps-test $(ORACLES)/ready
	$(SWIFT_BUILD) --product bcemrd
	$(SWIFT_BUILD) --product bcemr
	@python3 scripts/cluster .build/release/bcemrd $(BCEMR) $(ARGS)

## build: 4 min the first time. The command line and all libraries
build: deps
	$(SWIFT_BUILD)

## install: 7 min the first time. bcemr and bcemrd with the Swift runtime in them, manual pages, completions and the unit for systemd, under PREFIX
#
# The unit is checked with the program where DESTDIR has it.
install: deps
	@scripts/install-packages help2man
	$(SWIFT_BUILD) --static-swift-stdlib --scratch-path .build-static --product bcemr
	$(SWIFT_BUILD) --static-swift-stdlib --scratch-path .build-static --product bcemrd
	install -D -s -m 755 -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS:%=.build-static/release/%)
	mkdir -p $(COMPLETIONS:%=$(DESTDIR)$(PREFIX)/share/%) $(dir $(DESTDIR)$(PREFIX)/$(UNIT))
	set -e; for program in $(PROGRAMS); do \
		scripts/manual-pages .build-static/release/$$program $(DESTDIR)$(PREFIX)/share/man/man1; \
		cd $(DESTDIR)$(PREFIX)/share; \
		../bin/$$program --generate-completion-script bash > bash-completion/completions/$$program; \
		../bin/$$program --generate-completion-script zsh > zsh/site-functions/_$$program; \
		../bin/$$program --generate-completion-script fish > fish/vendor_completions.d/$$program.fish; \
		cd $(CURDIR); done
	sed 's,/usr/local/bin/,$(PREFIX)/bin/,' packaging/bcemrd.service > $(DESTDIR)$(PREFIX)/$(UNIT)
	scripts/check-unit $(DESTDIR)$(PREFIX)/$(UNIT) $(DESTDIR)$(PREFIX)/bin/bcemrd

## examples: 4 min the first time. Examples/Clients as a package of its own; make build has its sources too
examples: deps
	$(SWIFT_BUILD) --package-path Examples/Clients --scratch-path .build-examples

## test: half an hour. Style, unit tests, other libraries, documents, transcripts, constant time, planted faults
#
# What stands last is tried as long as it ends in time on a slow machine too. What was left out for that, or since a
# program is missing, is named at the end.
test: export TESTS_BEGAN := $(shell date +%s)
test: export BCEMR_LEFT_OUT := $(LEFT_OUT)
test: nothing-left-out lint test-swift test-oracles test-documents test-transcripts test-daemons test-constant-time \
	test-planted-faults
	@if [ -s $(LEFT_OUT) ]; then echo "LEFT OUT of this run:"; sed 's/^/  /' $(LEFT_OUT); \
		else echo "Of scenes, transcripts and checks nothing was left out"; fi

nothing-left-out:
	@rm -f $(LEFT_OUT)

## bench: Measure, and compare with other libraries in the same run
bench: deps deps-test $(ORACLES)/ready
	$(SWIFT_BUILD) --product bcemr
	$(BCEMR) bench
	$(PYTHON) Benchmarks/compare.py $(BCEMR)
	$(PYTHON) Benchmarks/verify.py $(BCEMR)

## bench-daemons: Half an hour. Daemons under load beside one process (docs/load.md), on a quiet machine; PARTS=large is the memory that a record of 64 MiB takes, in 5 min on any
bench-daemons: export BCEMR_PYTHON := $(abspath $(PYTHON))
bench-daemons: deps deps-test $(ORACLES)/ready
	$(SWIFT_BUILD) --product bcemrd
	$(SWIFT_BUILD) --product bcemr
	python3 Benchmarks/hammer.py .build/release/bcemrd $(BCEMR) $(PARTS)

## deps: Install the Debian packages that a build needs and that are missing
deps:
	@scripts/install-packages libsqlite3-dev libqrencode-dev zlib1g-dev

## deps-test: Install what tests need besides, as python3-venv, valgrind and zbar-tools
deps-test: deps
	@scripts/install-packages python3 python3-venv valgrind binutils zbar-tools faketime help2man openssl prometheus \
		strace iproute2 util-linux etcd-server etcd-client

## test-oracles: Pairings, curves and hashes against other libraries
#
# Fresh inputs each time, against libraries that share no code with ours.
test-oracles: deps-test $(ORACLES)/ready
	$(PYTHON) scripts/vectors/type_a.py check Sources/Pairings/TypeA/Suites
	PYTHON=$(abspath $(PYTHON)) scripts/vectors/cross-check

## test-documents: check-docs, and exports, appendices and envelopes against programs made from the documents
#
# An export, read by the documents alone: by the module, by the rules, and as logs of C2SP.
test-documents: export XDG_STATE_HOME := $(abspath $(ORACLES)/state)
test-documents: check-docs deps-test $(ORACLES)/ready
	$(SWIFT_BUILD) --product bcemr
	rm -rf $(addprefix $(ORACLES)/,data tiles consortium export.tar consortium.tar state)
	$(BCEMR) demo --data $(ORACLES)/data --json > $(ORACLES)/demo.json
	for visit in $$(sed -n 's/^ *"visit" : "\([0-9a-f]*\)".*/\1/p' $(ORACLES)/demo.json | sort -u); do \
		$(BCEMR) prove $$visit --data $(ORACLES)/data --output - > $(ORACLES)/visit.tar && \
		$(PYTHON) scripts/check-proof $(ORACLES)/visit.tar || exit 1; done
	Tests/CommandLine/tools/late-results Examples/history.json $(ORACLES)/first.json $(ORACLES)/later.json
	$(BCEMR) demo --data $(ORACLES)/data --history $(ORACLES)/later.json > /dev/null
	$(BCEMR) export --data $(ORACLES)/data --output $(ORACLES)/export.tar
	$(BCEMR) export --tiles --data $(ORACLES)/data --output $(ORACLES)/tiles
	$(PYTHON) scripts/check-asn1 $(ORACLES)/export.tar $(ORACLES)/data/genesis.der \
		$(ORACLES)/data/manager/keys.pem
	$(PYTHON) scripts/replay-export $(ORACLES)/export.tar
	$(PYTHON) scripts/read-export $(ORACLES)/tiles
	$(BCEMR) demo --consortium --doctors 1 --data $(ORACLES)/consortium > /dev/null
	$(BCEMR) export --data $(ORACLES)/consortium --output $(ORACLES)/consortium.tar
	$(PYTHON) scripts/replay-export $(ORACLES)/consortium.tar
	$(PYTHON) scripts/vectors/export_appendix.py check $(BCEMR)
	$(PYTHON) scripts/vectors/visit_appendix.py check
	$(PYTHON) scripts/vectors/group_key_appendix.py check
	$(PYTHON) scripts/vectors/envelope_appendix.py check
	$(PYTHON) scripts/vectors/pieces_appendix.py check
	$(PYTHON) scripts/vectors/sharing_appendix.py check

## test-transcripts: The command line against what it has to print (Tests/CommandLine/cases)
test-transcripts: deps-test
	$(SWIFT_BUILD) --product bcemr
	scripts/if-in-time 68 python3 Tests/CommandLine/run.py $(BCEMR)

## test-daemons: 10 min. Daemons of five parties: founded, killed, lied to, measured, full, renewed, put back; people; a sixth joins; two machines of a hospital; the checker of make chaos
test-daemons: export BCEMR_PYTHON := $(abspath $(PYTHON))
test-daemons: deps-test $(ORACLES)/ready
	$(SWIFT_BUILD) --product bcemrd
	$(SWIFT_BUILD) --product bcemr
	python3 Tests/Daemons/run.py .build/release/bcemrd
	scripts/if-in-time 75 python3 Tests/Daemons/people.py .build/release/bcemrd $(BCEMR)
	scripts/if-in-time 55 python3 Tests/Daemons/engine.py .build/release/bcemrd $(BCEMR)
	scripts/if-in-time 55 python3 Tests/Daemons/joining.py .build/release/bcemrd $(BCEMR)
	$(PYTHON) Tests/Chaos/selftest.py

## chaos: 2.5 min a seed. Networks, visits and faults that seeds make, against daemons: make chaos ARGS='--seeds 1-100'
chaos: export BCEMR_PYTHON := $(abspath $(PYTHON))
chaos: deps-test $(ORACLES)/ready
	$(SWIFT_BUILD) --product bcemrd
	$(SWIFT_BUILD) --product bcemr
	$(PYTHON) Tests/Chaos/run.py .build/release/bcemrd $(BCEMR) $(or $(ARGS),--seeds 1-10)

## test-constant-time: Operations on secrets under memcheck, with two planted leaks that it must find
test-constant-time: deps-test
	scripts/if-in-time 70 scripts/constant-time-check

## test-planted-faults: 10 min. Builds with all known faults, and has the tests find 24 of them, others every day
test-planted-faults: export BCEMR_PYTHON := $(abspath $(PYTHON))
test-planted-faults: deps-test $(ORACLES)/ready
	scripts/if-in-time 45 scripts/planted-faults --try 24

## test-losses: Every loss of a request, every write that fails, and hostile company with every message to everybody
test-losses: deps-test
	BCEMR_LOSSES=all BCEMR_HOSTILE_COMPANY=all $(SWIFT_TEST) --filter 'LossTests|HostileCompanyTests'

$(ORACLES)/ready: scripts/vectors/requirements.txt
	python3 -m venv $(ORACLES)
	$(PYTHON) -m pip install --quiet --requirement $<
	@touch $@

## help: Print this
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
