# The project's commands. Each installs what is missing (tools/setup.sh) and builds what it needs.
.PHONY: build package client demo demo-cpp demo-cluster test test-cluster abuse bench asan tsan clang fuzz format tidy setup clean api-docs
.DEFAULT_GOAL := build

# At most two compilers at once; the libraries' headers cost memory as well as time.
JOBS ?= 2
installed = mkdir -p build; tools/setup.sh $(1)
build_preset = cmake --preset $(1) >build/configure-$(1).log || { cat build/configure-$(1).log; exit 1; }; \
	cmake --build --preset $(1) --parallel $(JOBS)

setup:  ## what every build needs
	@$(call installed)

build: setup  ## leaves build/release/carillon
	@$(call build_preset,release) --target carillon

package: setup  ## Debian packages, source archive and list of parts, in build/release/package
	@$(call build_preset,release) --target carillon carillon_client_shared carillon_client_static
	@tools/package.sh build/release

client: setup  ## only the C++ clients, for `cmake --install build/release --component client`
	@$(call build_preset,release) --target carillon_client_shared carillon_client_static

# The demonstration runs what the tests test: one build serves both.
demo: setup  ## a door, its lock and two jobs, on a hub of its own
	@$(call build_preset,dev) --target carillon
	@tests/demo/run.sh

demo-cpp: setup  ## the same with our C++ clients as device and back end
	@$(call build_preset,dev) --target carillon example_sim_device example_schedule_job_service
	@tests/demo/run.sh --door=cpp --office=cpp

demo-cluster:  ## three nodes over a PostgreSQL of its own; the one that serves is killed; with HA=1 its primary too
	@$(call installed,cluster $(if $(HA),ha))
	@$(call build_preset,dev) --target carillon
	@tests/demo/cluster.sh

test: setup  ## everything that must pass
	@tests/prepare.sh $(JOBS)
	@tests/run.sh build/dev

test-cluster:  ## all tests with SDKs by random nodes of a cluster, and the long form of those that harm one
	@$(call installed,test)
	@$(call build_preset,dev) --target carillon example_sim_device example_schedule_job_service
	@HUB_THROUGH_A_NODE=1 tests/run.sh build/dev -R '^(sdk\.|docs\.tutorial$$)'
	@MATRIX=full ROUNDS=50 HISTORIES=50 TEST_JOBS=1 tests/run.sh build/dev -R '^(behaviour\.cluster|model)'

abuse:  ## the attacks of tests/abuse in full, with figures of who is served meanwhile
	@$(call installed,test)
	@$(call build_preset,dev) --target carillon
	@ABUSE=full TEST_JOBS=1 tests/run.sh build/dev -L abuse --verbose

asan tsan clang:  ## the whole test set under a sanitizer, or by clang
	@$(call installed,test clang)
	@$(call build_preset,$@)
	@tests/run.sh build/$@

fuzz:  ## each fuzz target for FUZZ_SECONDS (60)
	@$(call installed,clang)
	@$(call build_preset,fuzz)
	@fuzz/run.sh build/fuzz

bench:  ## the figures of bench/README.md, against their baselines
	@$(call installed,bench)
	@$(call build_preset,release)
	@bench/run.sh build/release

api-docs:  ## the C++ clients' headers as pages, in build/api/html
	@$(call installed,docs)
	@doxygen client/Doxyfile

format:
	@$(call installed,clang)
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i

tidy:  ## the rules of style that a machine can check
	@tools/tidy
	@tools/bounds
	@tools/arrows

clean:
	rm -rf build
