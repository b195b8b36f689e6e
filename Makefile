# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

# kbtf: BTF for the modules of any kernel tree. "make help" lists the targets.

GO          ?= go
# Set by scripts/setup: the directory of the Go modules, for tests that run with another HOME.
-include build/setup.mk
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

VERSION ?= v0.1.0-dev
# For make install.
DESTDIR ?=
PREFIX  ?= /usr/local
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions

# For make demo: a kernel tree, and its build directory if it has another one.
TREE    ?=
OBJTREE ?=
# For make test: flags of go test.
TESTFLAGS ?=
# For make kernels and rebuild: 5.10, 6.1, 6.12 or 7, the newest in sid.
KERNEL ?= 6.12
# For make parity: a Debian architecture; compare every Nth module, and every Nth with a distilled base.
# Other architectures than amd64 have samples of kernels. In the environment, ARCH is for a kernel's make.
ARCH            = amd64
unexport ARCH
EVERY           ?= $(if $(filter amd64,$(ARCH)),10,1)
EVERY_DISTILLED ?= 20
# For make fuzz: the time for each target.
FUZZTIME ?= 20s

.PHONY: all build
all: build
build: ## build the static programs bin/btf-ko and bin/kconfig-probe
	CGO_ENABLED=0 $(GO) build -ldflags '-X main.Version=$(VERSION)' -o bin/ ./cmd/...

.PHONY: install
install: build ## install programs, manual pages and completions below DESTDIR and PREFIX
	scripts/install '$(DESTDIR)' '$(PREFIX)' '$(ZSHDIR)'

.PHONY: static
static: ## build build/static/ARCH/ for five architectures, reproducibly
	scripts/static '$(VERSION)' build/static

.PHONY: package
package: ## build build/*.deb and build/*.rpm
	VERSION='$(VERSION)' NFPM='$(NFPM)' scripts/package build

.PHONY: package-test
package-test: package ## use the .deb in a minimal Debian; build the static programs twice
	scripts/setup package
	scripts/package-test build

.PHONY: demo
demo: ## patch and build a miniature kernel tree; TREE=PATH shows it for another tree
	scripts/setup demo
	scripts/demo $(if $(TREE),'$(TREE)' $(if $(OBJTREE),'$(OBJTREE)'))

.PHONY: test
test: ## run the hermetic tests, in less than 90 seconds
	scripts/setup test
	CGO_ENABLED=0 $(GO) test $(TESTFLAGS) ./...

.PHONY: test-real
test-real: ## run all tests, also those with real kernels, clang and a browser
	scripts/setup test real
	$(GO) test -tags real -timeout 30m $(TESTFLAGS) ./...

.PHONY: faults
faults: ## run btf-ko with each system call failing, or killed at it
	scripts/setup test
	$(GO) test ./cmd/btf-ko -run TestFaults -count=1 -v -thorough

.PHONY: race
race: ## run the tests under the race detector
	scripts/setup test
	$(GO) test -race -count=1 ./internal/... ./probe ./kbuild ./cmd/...

.PHONY: fuzz
fuzz: ## run Go's fuzz targets, each for FUZZTIME
	scripts/setup test
	scripts/fuzz $(FUZZTIME)

.PHONY: mutate
mutate: ## encode 20,000 damaged modules and bases
	scripts/setup fetch
	scripts/mutate

.PHONY: soak
soak: ## encode all modules of a Debian kernel ten times in one process
	scripts/setup fetch
	scripts/soak

.PHONY: reproducible
reproducible: ## build the miniature kernel and encode real modules twice, and compare
	scripts/setup demo fetch reproducible
	scripts/reproducible

.PHONY: cover
cover: ## run the tests; print the functions that they do not execute, and the total
	scripts/setup test
	mkdir -p build
	$(GO) test -coverprofile=build/cover.out -coverpkg=./cmd/...,./internal/...,./kbuild,./probe $(TESTFLAGS) ./...
	$(GO) tool cover -func=build/cover.out | awk '$$NF == "0.0%" || /^total:/'

.PHONY: audit
audit: ## check the linked modules: checksums, licences, known vulnerabilities
	scripts/audit

.PHONY: lint
lint: ## check formatting, common mistakes, spelling and phrasing
	scripts/setup lint
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "run gofmt -w: $$unformatted" >&2; exit 1; }
	$(GO) vet -tags real ./...
	$(GO) run $(STATICCHECK) -tags real ./...
	grep -lE '^#!.*(bash|/sh)' -r scripts .ci | xargs shellcheck --severity=warning
	scripts/lint-text

.PHONY: e2e
e2e: ## patch, configure and build a real 5.10 kernel, and check the BTF of its modules
	scripts/setup e2e
	scripts/e2e

.PHONY: traps
traps: ## compare our rules with upstream's on eight real trees: stale and missing BTF
	scripts/setup test real
	$(GO) test -tags real -count=1 -timeout 40m -run 'TestRealTraps|TestKconfig|TestGenBTF|TestRealTrees' -v ./kbuild

.PHONY: patches
patches: ## regenerate patches/ from the newest version of each real tree
	scripts/setup test real
	$(GO) test -tags real -count=1 -run TestRealTrees ./kbuild -update

.PHONY: rebuild
rebuild: ## compare what make does after an edit of KERNEL, with our rules and upstream's
	scripts/setup e2e
	scripts/rebuild '$(KERNEL)'

.PHONY: rebuild-debian
rebuild-debian: ## the same with every EVERYth module of Debian's 6.1, without a build
	scripts/setup fetch e2e
	scripts/rebuild-debian $(EVERY)

.PHONY: parity
parity: ## compare with pahole on every EVERYth module of three Debian kernels, or of ARCH's
	scripts/setup fetch
ifeq ($(ARCH),amd64)
	scripts/parity --kernel 6.1 --every $(EVERY) --min-equal 99
	scripts/parity --kernel 6.12-cloud --every $(EVERY) --min-equal 99.9
	scripts/parity --kernel 7-cloud --oracle 1.32 --every $(EVERY) --min-equal 97
	scripts/parity --kernel 6.1 --vmlinux
	scripts/parity --kernel 6.12-cloud --vmlinux
	scripts/parity --kernel 6.12-cloud --distilled --every $(EVERY_DISTILLED) --min-equal 80
else
	scripts/parity --arch $(ARCH) --oracle 1.30 --encode-base --every $(EVERY)
	scripts/parity --arch $(ARCH) --oracle 1.30 --vmlinux
	scripts/parity --arch $(ARCH) --oracle 1.32 --encode-base --every $(EVERY)
	scripts/parity --arch $(ARCH) --oracle 1.32 --vmlinux
endif

.PHONY: parity-ports
parity-ports: ## compare with pahole on ten modules of a big-endian and of a 32-bit kernel
	scripts/setup fetch
	scripts/parity --arch s390x --oracle 1.30 --every 6
	scripts/parity --arch armhf --oracle 1.32 --every 10

.PHONY: kernel-test
kernel-test: ## load all modules of a Debian kernel with our BTF under qemu
	scripts/setup fetch kernel
	scripts/kernel-test

.PHONY: kernels
kernels: ## build an unmodified KERNEL with btf-ko as pahole, boot it and use its BTF
	scripts/setup kernels
	scripts/kernels $(KERNEL)

.PHONY: out-of-tree
out-of-tree: ## build a module with Debian's headers in several ways, and use its BTF
	scripts/setup kernels
	scripts/out-of-tree

.PHONY: bench
bench: ## measure the speed against pahole; writes docs/bench.svg
	scripts/setup fetch
	scripts/bench --svg docs/bench.svg

.PHONY: clean
clean: ## remove bin and build; the cache of scripts/fetch stays
	rm -rf bin build

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
