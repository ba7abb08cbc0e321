# The commands of this project. `make` alone says what they are.

HOST ?= 127.0.0.1
PORT ?= 8080
EXAMPLE ?= examples/hello.lua
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help build run test check fuzz soak bench format clean

help:
	@echo "make run      build, then serve $(EXAMPLE) on http://$(HOST):$(PORT) (HOST, PORT, EXAMPLE)"
	@echo "make test     build and test everything; under 5 minutes"
	@echo "make check    the heavier rest: both compilers, sanitizers, fuzz smoke, luarocks, README"
	@echo "make bench    measure against the peers that are installed"
	@echo "make fuzz     each fuzz driver for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make soak     churn under AddressSanitizer for SOAK_SECONDS=$(SOAK_SECONDS)"
	@echo "make format   put C sources into the project's form"
	@echo "make build    only build: build/crolua and build/cro/core.so"
	@echo "make clean    remove the build trees"
	@echo
	@echo "What is missing on Debian or Ubuntu is installed by package name, and said."

build:
	@tools/deps run
	@tools/build build

run:
	@tools/deps run
	@CRO_TARGETS="crolua cro_core" tools/build build
	@HOST=$(HOST) PORT=$(PORT) tools/run $(EXAMPLE)

test:
	@tools/deps test
	@tools/test

check:
	@tools/deps check
	@tools/check

fuzz:
	@tools/deps check
	@tools/fuzz $(FUZZ_SECONDS)

soak:
	@tools/deps check
	@tools/soak $(SOAK_SECONDS)

bench:
	@tools/deps bench
	@tools/build build
	@bench/run

format:
	@tools/deps test
	@tools/format

clean:
	rm -rf build build-*
