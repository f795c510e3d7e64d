# Descent: builds into build/ (or build/MODE/ for MODE=debug asan ubsan tsan).
# `make help` lists the targets; `scripts/setup TARGET` also installs what a
# machine lacks.

MODE    ?= release
BUILD   ?= build$(if $(filter-out release,$(MODE)),/$(MODE))
# One spelling of the folder, or dependencies would be written for two.
B       := $(patsubst $(CURDIR)/%,%,$(BUILD))
PREFIX  ?= /usr/local
prefix  ?= $(if $(filter /%,$(PREFIX)),$(PREFIX),$(CURDIR)/$(PREFIX))
bindir  ?= $(prefix)/bin
libdir  ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
VERSION := 0.1.0
ABI     := 1

ifeq ($(filter Linux/x86_64 Linux/aarch64,$(shell uname -s)/$(shell uname -m)),)
$(error Descent is built for Linux with glibc on x86-64 and AArch64; this is $(shell uname -s) on $(shell uname -m))
endif
PKG_CONFIG ?= pkg-config
ifeq ($(filter clean help format uninstall,$(or $(MAKECMDGOALS),all)),)
ifeq ($(shell command -v $(PKG_CONFIG)),)
$(error pkg-config is missing: install it, or run scripts/setup)
endif
endif

# need(modules, Debian package): the first of the modules that pkg-config knows.
need = $(or $(firstword $(foreach m,$(1),$(shell $(PKG_CONFIG) --exists $(m) && \
       echo $(m)))),$(error $(firstword $(1)) is missing: install $(2), or run scripts/setup))
pc_lua     = $(call need,lua5.4 lua-5.4 lua,liblua5.4-dev)
pc_jansson = $(call need,jansson,libjansson-dev)
pc_xxhash  = $(call need,libxxhash,libxxhash-dev)
pc_cmocka  = $(call need,cmocka,libcmocka-dev)
pc_blas    = $(call need,openblas,libopenblas-dev)
lua_cflags     = $(shell $(PKG_CONFIG) --cflags $(pc_lua))
lua_libs       = $(shell $(PKG_CONFIG) --libs $(pc_lua))
jansson_cflags = $(shell $(PKG_CONFIG) --cflags $(pc_jansson))
jansson_libs   = $(shell $(PKG_CONFIG) --libs $(pc_jansson))
xxhash_cflags  = $(shell $(PKG_CONFIG) --cflags $(pc_xxhash))
cmocka_cflags  = $(shell $(PKG_CONFIG) --cflags $(pc_cmocka))
cmocka_libs    = $(shell $(PKG_CONFIG) --libs $(pc_cmocka))
blas_cflags    = $(shell $(PKG_CONFIG) --cflags $(pc_blas))
blas_libs      = $(shell $(PKG_CONFIG) --libs $(pc_blas))

CFLAGS ?= -O3 -g
OPTIMIZE_asan  := -DDESCENT_SANITIZED -O1 -g -fsanitize=address -fno-omit-frame-pointer
OPTIMIZE_ubsan := -DDESCENT_SANITIZED -O1 -g -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all
OPTIMIZE_tsan  := -DDESCENT_SANITIZED -O1 -g -fsanitize=thread
OPTIMIZE_debug := -O0 -g
MODE_FLAGS := $(OPTIMIZE_$(MODE))

# A line a file; V=1 shows the commands, -s nothing.
silent := $(findstring s,$(firstword -$(MAKEFLAGS)))
run     = $(if $(V),,@$(if $(silent),,echo '  $(1)  $(2)';))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings \
            -Wundef -Wvla -Wformat=2
# Arithmetic: every operation rounds once; the -fno- flags allow vector code and
# change no result.
FLOAT    := -fno-math-errno -fno-trapping-math -ffp-contract=off
BASE     := -std=c11 -D_GNU_SOURCE -Icore/include -fPIC -fvisibility=hidden $(FLOAT)
COMPILE   = $(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) $(WARNINGS) $(WERROR) $(MODE_FLAGS) -MMD -MP
HARDEN   := -Wl,-z,relro,-z,now
PLUGIN   := -Wl,-z,defs,-z,now,-z,noexecstack

LIBRARY_SOURCES := $(wildcard $(foreach d,base tensor option schedule plugin engine checkpoint,core/$(d)/*.c))
SCRIPT_SOURCES  := $(wildcard core/script/*.c)
TOOL_SOURCES    := $(wildcard core/tool/*.c core/tool/bench/*.c)
PLUGINS         := $(notdir $(patsubst %/,%,$(wildcard plugins/*/)))
LUA_MODULES     := $(wildcard scripts/lib/descent/*.lua)
objects          = $(patsubst %.c,$(B)/obj/%.o,$(1))

.PHONY: all install uninstall clean help
all: $(B)/libdescent.so $(B)/libdescent.a $(B)/libdescent-lua.so \
     $(B)/lua/descent/core.so $(B)/descent lua-modules \
     $(PLUGINS:%=$(B)/plugins/%.so)

$(B)/obj/core/script/%.o: CPPFLAGS += $(lua_cflags) $(blas_cflags)
$(B)/obj/core/script/%.o: BASE += -Icore
$(B)/obj/core/tool/%.o:   CPPFLAGS += $(jansson_cflags)
# What `descent bench` holds steps against is compiled for this processor.
NATIVE := $(if $(filter aarch64,$(shell uname -m)),-mcpu=native,-march=native)
$(B)/obj/core/tool/bench/limits.o: BASE += -O3 $(NATIVE)
$(B)/obj/core/engine/%.o: CPPFLAGS += $(jansson_cflags)
# Of xxhash only the header is used, inline: nothing more is linked.
$(B)/obj/core/checkpoint/%.o: CPPFLAGS += $(jansson_cflags) $(xxhash_cflags)
$(B)/obj/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(call run,CC  ,$<) $(COMPILE) -Icore -c $< -o $@

# The marker tells a library in the build tree from an installed one.
$(B)/.descent-build: ; @mkdir -p $(@D) && touch $@

$(B)/libdescent.a: $(call objects,$(LIBRARY_SOURCES))
	@rm -f $@
	$(call run,AR  ,$@) $(AR) rcs $@ $^
$(B)/libdescent.so.0: $(call objects,$(LIBRARY_SOURCES)) core/libdescent.map | $(B)/.descent-build
	$(call run,LINK,$@) $(CC) $(CFLAGS) $(MODE_FLAGS) $(LDFLAGS) $(HARDEN) -shared -Wl,-soname,libdescent.so.0 \
	  -Wl,--version-script=core/libdescent.map -o $@ $(filter %.o,$^) $(jansson_libs) -ldl -lm -lpthread
$(B)/libdescent.so: $(B)/libdescent.so.0
	@ln -sf libdescent.so.0 $@

$(B)/libdescent-lua.so.0: $(call objects,$(SCRIPT_SOURCES)) $(B)/libdescent.so
	$(call run,LINK,$@) $(CC) $(CFLAGS) $(MODE_FLAGS) $(LDFLAGS) $(HARDEN) -shared -Wl,-soname,libdescent-lua.so.0 \
	  -Wl,-rpath,'$$ORIGIN' -o $@ $(filter %.o,$^) -L$(B) -ldescent $(lua_libs) $(blas_libs) -lm
$(B)/libdescent-lua.so: $(B)/libdescent-lua.so.0
	@ln -sf libdescent-lua.so.0 $@

# The module for a stock interpreter, which has the Lua API inside.
$(B)/lua/descent/core.so: $(call objects,$(filter-out core/script/script.c,$(SCRIPT_SOURCES))) $(B)/libdescent.so
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(CFLAGS) $(MODE_FLAGS) $(LDFLAGS) $(HARDEN) -shared -Wl,-rpath,'$$ORIGIN/../..' \
	  -Wl,-rpath,'$$ORIGIN/../../..' -o $@ $(filter %.o,$^) -L$(B) -ldescent $(blas_libs) -lm

$(B)/descent: $(call objects,$(TOOL_SOURCES)) $(B)/libdescent-lua.so
	$(call run,LINK,$@) $(CC) $(CFLAGS) $(MODE_FLAGS) $(LDFLAGS) $(HARDEN) -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib' -o $@ \
	  $(filter %.o,$^) -L$(B) -ldescent-lua -ldescent $(jansson_libs) -lm -Wl,-rpath-link,$(B)

# One file a plugin: plugins/NAME/NAME.c.  What others may write is not loaded.
.SECONDEXPANSION:
$(B)/plugins/%.so: plugins/$$*/$$*.c | $(B)/.descent-build
	@mkdir -p $(@D) $(B)/obj/plugins
	$(call run,CC  ,$<) $(COMPILE) -MF $(B)/obj/plugins/$*.d -MT $@ -shared $(PLUGIN) \
	  $< -o $@ -lm
	@chmod go-w $(@D) $@

# Lua modules and data beside the module, as they lie when installed.
.PHONY: lua-modules
lua-modules: $(LUA_MODULES:scripts/lib/descent/%=$(B)/lua/descent/%) $(B)/data
$(B)/lua/descent/%.lua: scripts/lib/descent/%.lua
	@mkdir -p $(@D)
	@ln -sf $(abspath $<) $@
.PHONY: $(B)/data
$(B)/data: | $(B)/.descent-build
	@ln -sfn $(abspath scripts/data) $@

# ---- Tests ----

STATIC_TESTS  := $(wildcard tests/unit/test_*.c tests/plugin/test_*.c tests/kernel/test_*.c tests/abi/test_*.c)
DYNAMIC_TESTS := $(wildcard tests/script/test_*.c tests/tool/test_*.c)
SUPPORT       := $(wildcard tests/support/*.c)
TEST_PROGRAMS := $(patsubst %.c,$(B)/tests/%,$(notdir $(STATIC_TESTS) $(DYNAMIC_TESTS)))
TEST_PLUGINS  := $(patsubst tests/plugin/plugins/%.c,$(B)/tests/plugins/%.so,$(wildcard tests/plugin/plugins/*.c))
CONFORM       := $(wildcard tests/conform/*.c)
TEST_LINK      = $(CC) $(CFLAGS) $(MODE_FLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)

$(B)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call run,CC  ,$<) $(COMPILE) $(cmocka_cflags) $(jansson_cflags) -Icore -Itests -c $< -o $@
$(B)/obj/tests/conform/%.o: BASE := $(filter-out -Icore,$(BASE))
$(patsubst tests/%.c,$(B)/obj/tests/%.o,$(wildcard tests/script/*.c)): CPPFLAGS += $(lua_cflags)

define static_test
$(B)/tests/$(notdir $(1:.c=)): $(B)/obj/$(1:.c=.o) $(call objects,$(SUPPORT)) $(B)/libdescent.a
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@) $$(TEST_LINK) $$(cmocka_libs) $$(jansson_libs) -ldl -lm -lpthread
endef
define dynamic_test
$(B)/tests/$(notdir $(1:.c=)): $(B)/obj/$(1:.c=.o) $(B)/libdescent-lua.so
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@) $$(TEST_LINK) -L$(B) -ldescent-lua -ldescent $$(cmocka_libs) $$(lua_libs) $$(jansson_libs) \
	  -Wl,-rpath,'$$$$ORIGIN/..' -Wl,-rpath-link,$(B) -ldl -lm
endef
$(foreach t,$(STATIC_TESTS),$(eval $(call static_test,$(t))))
$(foreach t,$(DYNAMIC_TESTS),$(eval $(call dynamic_test,$(t))))

$(B)/tests/conform: $(call objects,$(CONFORM)) $(B)/libdescent.so
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(TEST_LINK) -L$(B) -ldescent $(jansson_libs) -Wl,-rpath,'$$ORIGIN/..' -lm

$(B)/tests/plugins/%.so: tests/plugin/plugins/%.c
	@mkdir -p $(@D) $(B)/obj/tests/plugins
	$(call run,CC  ,$<) $(COMPILE) -MF $(B)/obj/tests/plugins/$*.d -MT $@ -shared -Wl,-z,now $< -o $@ -lm

# The seven by each compiler that is here, always optimized, to compare their bits.
KERNELS := $(foreach c,gcc clang,$(if $(shell command -v $(c)),$(PLUGINS:%=$(B)/tests/kernels/$(c)/%.so)))
$(B)/tests/kernels/%.so: plugins/$$(*F)/$$(*F).c $(wildcard core/include/descent/*.h)
	@mkdir -p $(@D)
	$(call run,CC  ,$@) $(*D) -O3 $(BASE) -shared $(PLUGIN) $< -o $@ -lm

# A random search for ways to run a step that change its bits.
SEARCH := $(wildcard tests/search/*.c)
$(B)/tests/search: $(call objects,$(SEARCH)) $(call objects,$(SUPPORT)) $(B)/libdescent.a
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(TEST_LINK) $(cmocka_libs) $(jansson_libs) -ldl -lm -lpthread

# A hash for each loop and for the core's arithmetic, the same on every processor.
HASHES := tests/cross/hashes.c tests/support/bits.c core/engine/tile.c \
          $(wildcard core/tensor/*.c) $(patsubst %,core/base/%.c,cpu denormals levels number random random_words status text)
$(B)/tests/hashes: $(call objects,$(HASHES))
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(TEST_LINK) -ldl -lm
	@echo $(HASHES) >$@.sources

.PHONY: programs tests test test-mutants test-isa test-tsan check lint format demo
programs: all $(TEST_PROGRAMS) $(TEST_PLUGINS) $(B)/tests/conform \
          $(B)/tests/hashes $(B)/tests/search
tests: programs $(KERNELS)
# In release mode the C tests run again under both sanitizers, with the same
# optimized kernels.
ifeq ($(MODE),release)
test: tests
	@$(MAKE) --no-print-directory -s MODE=asan BUILD=$(B)/asan programs
	@$(MAKE) --no-print-directory -s MODE=ubsan BUILD=$(B)/ubsan programs
	@rm -rf $(B)/asan/tests/kernels $(B)/ubsan/tests/kernels
	@ln -s ../../tests/kernels $(B)/asan/tests/kernels
	@ln -s ../../tests/kernels $(B)/ubsan/tests/kernels
	@tests/run $(B) $(B)/asan $(B)/ubsan
else
test: tests
	@tests/run $(B)
endif

# Faults of one line, in a copy of the tree, which the tests must find.
test-mutants:
	@tests/mutants/run

# SECONDS and SEED may be given.
SECONDS ?= 300
SEED    ?= $(shell date +%s)
test-isa: programs $(KERNELS)
	@DESCENT_TEST_BUILD=$(abspath $(B)) $(B)/tests/search --seed $(SEED) --seconds $(SECONDS)

# What runs on several threads, watched for races.
RACES := test_pool test_sparse_threads test_threads test_thread_faults test_sameness search
test-tsan:
	@$(MAKE) --no-print-directory -s MODE=tsan BUILD=$(B)/tsan all $(RACES:%=$(B)/tsan/tests/%)
	@for t in $(RACES); do DESCENT_PLUGIN_PATH=$(abspath $(B))/tsan/plugins \
	  DESCENT_TEST_BUILD=$(abspath $(B))/tsan TSAN_OPTIONS=die_after_fork=0 \
	  $(B)/tsan/tests/$$t || exit 1; done

lint:
	@scripts/lint
check: lint test
format:
	clang-format -i $$(scripts/lint --formatted)
# Steps against the limits of this machine; BENCH='--case gpt2' narrows it.
.PHONY: bench
bench: all
	@$(B)/descent bench $(BENCH)
demo: all
	@$(B)/descent run scripts/examples/train_digits.lua

# ---- Installation ----

pc_files := descent.pc descent-lua.pc descent-plugin.pc
to        = $(DESTDIR)$(1)
install: all
	install -d $(call to,$(bindir)) $(call to,$(libdir)/pkgconfig) $(call to,$(includedir)/descent) \
	  $(call to,$(libdir)/descent/plugins/$(ABI)) $(call to,$(libdir)/lua/5.4/descent) \
	  $(call to,$(datadir)/descent/lua/descent) $(call to,$(datadir)/descent/data)
	install -m 755 $(B)/descent $(call to,$(bindir))
	install -m 755 $(B)/libdescent.so.0 $(B)/libdescent-lua.so.0 $(call to,$(libdir))
	install -m 644 $(B)/libdescent.a $(call to,$(libdir))
	ln -sf libdescent.so.0 $(call to,$(libdir)/libdescent.so)
	ln -sf libdescent-lua.so.0 $(call to,$(libdir)/libdescent-lua.so)
	install -m 755 $(PLUGINS:%=$(B)/plugins/%.so) $(call to,$(libdir)/descent/plugins/$(ABI))
	install -m 755 $(B)/lua/descent/core.so $(call to,$(libdir)/lua/5.4/descent)
	install -m 644 $(LUA_MODULES) $(call to,$(datadir)/descent/lua/descent)
	install -m 644 scripts/data/* $(call to,$(datadir)/descent/data)
	install -m 644 $(wildcard core/include/descent/*.h) $(call to,$(includedir)/descent)
	for f in $(pc_files); do \
	  sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
	      -e 's|@datadir@|$(datadir)|' -e 's|@version@|$(VERSION)|' -e 's|@abi@|$(ABI)|' \
	      -e 's|@lua@|$(pc_lua)|' scripts/$$f.in > $(call to,$(libdir)/pkgconfig/)$$f || exit 1; done

uninstall:
	rm -f $(call to,$(bindir)/descent) \
	  $(foreach l,libdescent libdescent-lua,$(call to,$(libdir)/$(l).so) $(call to,$(libdir)/$(l).so.0)) \
	  $(call to,$(libdir)/libdescent.a) $(call to,$(libdir)/lua/5.4/descent/core.so) \
	  $(PLUGINS:%=$(call to,$(libdir)/descent/plugins/$(ABI))/%.so) \
	  $(pc_files:%=$(call to,$(libdir)/pkgconfig)/%)
	rm -rf $(call to,$(includedir)/descent) $(call to,$(datadir)/descent)

clean:
	rm -rf $(B)

help:
	@echo 'make [MODE=debug|asan|ubsan|tsan] [PREFIX=/usr/local] TARGET'
	@echo '  all        library, plugins, Lua module, command (default), into build/'
	@echo '  demo       train on the scanned digits with each of the seven optimizers'
	@echo '  test       every test; the last line is "N passed, N failed"'
	@echo '  test-mutants  faults of one line, each of which must turn a test red'
	@echo '  test-isa   random trainings that threads, levels, compilers and cuts must not'
	@echo '             change by a bit, for SECONDS=300, from SEED='
	@echo '  test-tsan  steps on several threads under the thread sanitizer'
	@echo '  bench      steps against the limits of this machine'
	@echo '  lint       layers, headers, warnings of gcc and clang, formatting, Lua'
	@echo '  check      lint and test'
	@echo '  install    below PREFIX (DESTDIR is honoured); uninstall takes it away'
	@echo '  format     clang-format;  clean  removes build/'

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
