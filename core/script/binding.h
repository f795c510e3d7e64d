/* SPDX-License-Identifier: MIT */
/* What the files of the Lua binding share: the context of a Lua state, error
 * objects, classes and argument checks.
 *
 * Every C function of the module is a closure over two values: its name for
 * error texts and the state's context.  Functions marked "raises" may leave by
 * a Lua error, so nothing that needs releasing may be held across them but as
 * userdata. */
#ifndef DESCENT_SCRIPT_BINDING_H
#define DESCENT_SCRIPT_BINDING_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

#include <descent/descent.h>

typedef enum class_id {
    CLASS_TENSOR,
    CLASS_OPTIMIZER,
    CLASS_SCHEDULE,
    CLASS_RNG,
    CLASS_ROW_SPARSE,
    CLASS_COUNT
} class_id;

/* What an application that embeds the interpreter laid down; a stock
 * interpreter has none. */
typedef struct script_host {
    bool load_plugins;
    const char *const *directories;
    descent_log_function log;
    void *log_user;
} script_host;

/* Registry key under which script.c leaves the address of its script_host. */
extern const char script_host_key;

/* User values of the context's userdata. */
enum {
    CONTEXT_LIBRARY = 1, /* path prefix of our Lua modules                    */
    CONTEXT_WARN,        /* function that receives warnings                   */
    CONTEXT_PENDING,     /* error value of the last callback that failed      */
    CONTEXT_MOMENT,      /* the table handed to schedule functions            */
    CONTEXT_STREAMS,     /* named random streams                              */
    CONTEXT_PLUGINS,     /* paths of the plugins loaded by path               */
    CONTEXT_VALUES = CONTEXT_PLUGINS
};

/* Something of the core that a userdata holds, as its first member.  What
 * finalizers create while a state closes is never finalized itself: so the
 * context keeps a list, and releases what is left at the very end. */
typedef struct resource {
    struct resource *next, **link;
    void (*release)(struct resource *);
} resource;

typedef struct context {
    resource *resources;
    lua_State *L;             /* the thread on which callbacks run          */
    descent_runtime *runtime; /* created when first needed                  */
    const script_host *host;
    const void *metatables[CLASS_COUNT]; /* addresses, to compare      */
    uint64_t seed;
    int in_callback; /* depth of functions that the core calls  */
    bool closed;     /* the state is going down                 */
    bool native;     /* scripts can load machine code anyway    */
} context;

/* ---- Context (context.c) ------------------------------------------------- */

/* The state's context: of the running function, or found in the registry. */
context *context_of(lua_State *L);

/* Create the context when there is none, and say whether there was none.
 * Raises. */
bool context_open(lua_State *L);

/* Push, and set from the top of the stack, one of its user values. */
void context_push(lua_State *L, int value);
void context_store(lua_State *L, int value);

/* The runtime, created on first use.  Raises. */
descent_runtime *context_runtime(lua_State *L);

/* Name the thread on which callbacks of a core call run; returns the previous
 * one, to be put back after the call. */
lua_State *context_enter(context *c, lua_State *L);

/* Make a call of the core, which must not raise, with callbacks on L, and raise
 * its failure. */
#define CORE_CHECK(L, expression)                                              \
    do {                                                                       \
        context *c_ = context_of(L);                                           \
        lua_State *previous_ = context_enter(c_, L);                           \
        const descent_status status_ = (expression);                           \
                                                                               \
        context_enter(c_, previous_);                                          \
        error_check(L, status_);                                               \
    } while (0)

/* List a resource; and release it, once, with callbacks on L. */
void resource_hold(lua_State *L, resource *r, void (*release)(resource *));
void resource_release(lua_State *L, resource *r);

/* Raise where a function runs that the core called: a schedule, or a receiver
 * of warnings. */
void context_forbid_in_callback(lua_State *L);

/* Whether a finalizer is running.  It may have begun inside of any function of
 * ours that allocates, so what such a function points to must stay. */
bool context_in_finalizer(lua_State *L);

/* ---- Errors (error.c) ---------------------------------------------------- */

/* Raise an error object with this code at the nearest caller outside of our
 * modules; the format is lua_pushfstring's. */
_Noreturn void error_raise(lua_State *L, descent_status code,
                           const char *format, ...);

/* The same about the option `option`, whose value is at `index` (0: none). */
_Noreturn void error_option(lua_State *L, const char *option, int index,
                            const char *format, ...);

/* Raise the core's last failure when `status` is one; the second form prefixes
 * nothing and pushes the object instead. */
void error_check(lua_State *L, descent_status status);
void error_push_status(lua_State *L, descent_status status);

/* Push the text of any error value without raising another error for it. */
const char *error_text(lua_State *L, int index);

/* Register the metatable of error objects.  Raises. */
void error_open(lua_State *L);
bool error_is(lua_State *L, int index);

int core_fail(lua_State *L);
int core_error_object(lua_State *L);

/* ---- Classes and functions (class.c) ------------------------------------- */

/* A function by name; `extra` is a third upvalue, an integer. */
typedef struct function_entry {
    const char *name;
    lua_CFunction function;
    int extra;
} function_entry;

/* Add functions to the table at the top, named "PREFIX" .. name in errors; or
 * all by one name, where their own would tell a script nothing. */
void functions_register(lua_State *L, const char *prefix,
                        const function_entry *entries);
void functions_register_as(lua_State *L, const char *where,
                           const function_entry *entries);

/* Create the metatable of a class from its metamethods and push it; it cannot
 * be seen or changed from Lua. */
void class_create(lua_State *L, class_id id, const function_entry *meta);

/* With the metatable and the table of methods on the stack, which are popped:
 * let `index`, class_index or one that ends with it, answer for methods and
 * for fields, each read by a function of the object. */
void class_finish(lua_State *L, class_id id, const function_entry *fields,
                  lua_CFunction index);

/* __index: a method or a field; any other name is an error. */
int class_index(lua_State *L);

/* Give the userdata at the top its class. */
void class_set(lua_State *L, class_id id);

/* "Tensor", and "a Tensor". */
const char *class_name(class_id id);
const char *class_title(class_id id);

/* The userdata at `index` when it is of the class, else NULL; or an error. */
void *class_test(lua_State *L, int index, class_id id);
void *class_check(lua_State *L, int index, class_id id);

/* ---- Arguments (argument.c): all raise ----------------------------------- */

/* What a value is, for messages: "a number", "nil", "a Tensor". */
const char *argument_kind(lua_State *L, int index);

/* A number, or a Tensor of one element; `name` is the parameter's. */
bool argument_is_number(lua_State *L, int index, double *value);
double argument_number(lua_State *L, int index, const char *name);

lua_Integer argument_integer(lua_State *L, int index, const char *name,
                             lua_Integer low, lua_Integer high);
const char *argument_text(lua_State *L, int index, const char *name);

/* True for a table at `index`, false for nothing there. */
bool argument_table(lua_State *L, int index, const char *name);

/* Refuse keys of the options table at `index` that are not in `known`. */
void argument_known(lua_State *L, int index, const char *const *known);

/* Push a field of the options table at `index`, and return its type.  Without
 * metamethods: a script's function could free what is being worked on. */
int argument_field(lua_State *L, int index, const char *name);

/* Refuse arguments after the first `most`, self included. */
void argument_end(lua_State *L, int most);

/* ---- JSON (json.c): both raise -------------------------------------------- */

/* Push what JSON text of the core says: tables, null left out. */
void json_push(lua_State *L, const char *text);

/* Push the table at `index`, plain data, as JSON text, and return it. */
const char *json_push_text(lua_State *L, int index);

/* Push the least key of the table at `index` that is greater than the string at
 * the top, or than nil there, which it replaces; false and nothing pushed when
 * there is none.  The order makes the first of several errors the same in every
 * run. */
bool options_next_key(lua_State *L, int index);

/* Put a point where the locale has its own mark. */
void text_restore_point(char *text);

/* ---- Misspelt names (nearest.c) ------------------------------------------ */

/* Offer names one by one: `best` is the one spelled most like `wanted`, or NULL
 * when none is.  Of equals it is the first in the alphabet, so that the order
 * of a table's keys does not show. */
typedef struct nearest {
    const char *wanted, *best;
    unsigned distance;
} nearest;
void nearest_offer(nearest *search, const char *name);

/* Push "; did you mean 'BEST'?", or "" when there is none. */
const char *nearest_push_hint(lua_State *L, const nearest *search);

int core_nearest(lua_State *L);

#endif
