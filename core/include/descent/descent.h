/* SPDX-License-Identifier: MIT */
/*
 * descent/descent.h - the application's interface to the Descent runtime.
 * C11; also valid C++11.
 *
 * A runtime finds and loads optimizer plugins.  An optimizer binds named
 * tensors of the application's (by pointer, never copied), takes gradients and
 * updates the weights in place.  The smallest complete program:
 *
 *     float w[2] = {1, -2}, g[2];
 *     int64_t shape[] = {2};
 *     descent_tensor t = {sizeof t, DESCENT_DTYPE_F32, "w", 1, 0, shape, NULL,
 *                         w, g};
 *     descent_runtime *runtime;
 *     descent_optimizer *adam;
 *     descent_runtime_create(NULL, &runtime);
 *     descent_optimizer_create(runtime, "adam", NULL, &adam);
 *     descent_optimizer_add(adam, &t, 1);
 *     for (...) { ...fill g...; descent_optimizer_step(adam, NULL, 0, NULL, NULL); }
 *
 * Conventions
 *   - Fallible functions return a descent_status; zero is success; results come
 *     through the last arguments and are untouched on failure.  The text of the
 *     failure is this thread's descent_error_message().  A call that fails has
 *     changed nothing, unless its comment says otherwise.
 *   - Structs begin with struct_size, set by the caller to sizeof; a larger
 *     struct is accepted, and so is a shorter one of an earlier release.  Arrays
 *     of structs are stepped through with the struct_size of the first element.
 *   - Strings are UTF-8, NUL-ended, and copied unless a comment says otherwise.
 *     Pointers that callbacks get back (user) must outlive the object they were
 *     given to, and everything that keeps it alive.
 *   - Objects and out arguments must not be NULL, but where a comment allows it
 *     and in functions that free.  What returns a status says so; what returns a
 *     value does not look.
 *     The library never prints, never exits and installs no signal handler.
 *
 * Threads
 *   [any]        callable from any thread at any time.
 *   [runtime]    locked inside: callable from any thread.
 *   [optimizer]  calls for one optimizer must not overlap; different optimizers
 *                are independent of each other, also on one runtime.
 *   [object]     calls for one object must not overlap.
 * A large step runs on several threads (descent_runtime_set_threads); callbacks
 * come on the thread that called step, but for log functions and allocators,
 * which a plugin may reach from any of them.
 * Inside a callback (a schedule, an allocator, a log function) calls that change
 * the optimizer which is being worked on, or ask for its options, configuration
 * or state, fail with DESCENT_ERR_STATE; it must not be freed there.
 *
 * Lifetimes: an optimizer keeps its runtime alive, and schedules given to it.
 * Free in any order.
 */
#ifndef DESCENT_DESCENT_H
#define DESCENT_DESCENT_H

#include "plugin.h" /* descent_status, dtypes, and what plugins declare */

#ifdef __cplusplus
extern "C" {
#endif

#define DESCENT_VERSION "0.1.0"

#if defined __GNUC__ || defined __clang__
#  define DESCENT_API __attribute__((visibility("default")))
#else
#  define DESCENT_API
#endif

typedef struct descent_runtime   descent_runtime;
typedef struct descent_options   descent_options;
typedef struct descent_schedule  descent_schedule;
typedef struct descent_optimizer descent_optimizer;
typedef struct descent_file      descent_file;

/* ---- Version and errors --------------------------------------------------- */

/* The version of the library in use, "MAJOR.MINOR.PATCH".  [any] */
DESCENT_API const char *descent_version(void);

/* Text and code of this thread's last failure; "" and DESCENT_OK when there was
 * none.  The text lives until the thread's next failure.  [any] */
DESCENT_API const char    *descent_error_message(void);
DESCENT_API descent_status descent_error_code(void);

/* A code's short name, e.g. "argument"; "unknown" for others.  [any] */
DESCENT_API const char *descent_status_name(descent_status code);

/* Record a failure of the application's own, inside a callback such as a
 * schedule; returns `code`, so that the callback can return it.  [any] */
DESCENT_API descent_status descent_error_set(descent_status code,
                                             const char *format, ...)
    DESCENT_PRINTF(2, 3);

/* Seconds of a monotonic clock.  [any] */
DESCENT_API double descent_clock(void);

/* ---- Random numbers --------------------------------------------------------- */

/* A counter-based generator (Philox 4x32-10): the number at (seed, stream,
 * index) is a function of these alone, the same on every machine.  Fill out[n]
 * with the numbers at index first, first + 1, ...: uniform in [0, 1) with 53
 * bits, or normal with mean 0 and deviation 1.  [any] */
DESCENT_API void descent_random_uniform(uint64_t seed, uint64_t stream,
                                        uint64_t first, double *out, size_t n);
DESCENT_API void descent_random_normal(uint64_t seed, uint64_t stream,
                                       uint64_t first, double *out, size_t n);

/* ---- Number formats --------------------------------------------------------- */

/* Convert n elements of type `from` at `in` to type `to` at `out`, both of f64,
 * f32, f16 and bf16: to nearest, ties to even, rounded once; NaN stays NaN, what
 * is too large becomes infinite.  The arrays are aligned to their types and do
 * not overlap.  Other types are an error.  [any] */
DESCENT_API descent_status descent_convert(descent_dtype to, void *out,
                                           descent_dtype from, const void *in,
                                           size_t n);

/* ---- Runtime ------------------------------------------------------------------ */

/* Where the memory of a runtime and its objects comes from, but for that which
 * the C library and the JSON reader use inside a call, and for a compiled
 * regular expression.  `alignment` is a power of two, at least 16; release gets
 * the size that was asked for.  Both may be called from several threads at once;
 * `user` must outlive the runtime's last object. */
typedef struct descent_allocator {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    void    *user;
    void *(*allocate)(void *user, size_t bytes, size_t alignment); /* or NULL */
    void  (*release)(void *user, void *memory, size_t bytes);
} descent_allocator;

/* Receives warnings and what plugins log: level 0 debug, 1 info, 2 warning, 3
 * error; the text dies with the call.  Called on the thread that caused it, so
 * from several at once where several use the runtime. */
typedef void (*descent_log_function)(void *user, int level, const char *text);

enum {
    /* Read no environment variable and no per-user directory. */
    DESCENT_RUNTIME_IGNORE_ENVIRONMENT = 1u << 0
};

typedef struct descent_runtime_options {
    uint32_t                 struct_size;
    uint32_t                 flags;     /* DESCENT_RUNTIME_*                  */
    const descent_allocator *allocator; /* NULL: the C library's; copied      */
    descent_log_function     log;       /* NULL: silent                       */
    void                    *log_user;
    const char *const       *directories; /* NULL-ended, searched first; NULL */
    const char              *isa;       /* "any", "avx2", "avx512": the highest
                                           level to use; NULL: DESCENT_ISA from
                                           the environment, else the best     */
    uint32_t                 threads;   /* most threads of a step, the caller's
                                           included; 0: DESCENT_THREADS, else
                                           the processors this process may use */
    uint32_t                 reserved;  /* 0                                  */
    /* The application's own threads, or NULL: runs task(arg, i) for every i < n,
     * each once, in any order and on any threads, and returns when all have
     * returned.  Called by one step at a time, inside it, never with threads =
     * 1; one that misses a task makes this and later steps fail. */
    void (*parallel_for)(void *user, size_t n,
                         void (*task)(void *arg, size_t i), void *arg);
    void                    *parallel_user;
} descent_runtime_options;

/* Create a runtime.  `options` may be NULL.  Fails on a relative directory or a
 * malformed environment variable, naming it.  [any] */
DESCENT_API descent_status
descent_runtime_create(const descent_runtime_options *options,
                       descent_runtime **runtime);

/* Give up the application's reference; NULL is allowed.  Memory is released
 * when the last optimizer is freed as well.  Plugins stay loaded.  [any] */
DESCENT_API void descent_runtime_free(descent_runtime *runtime);

/* Search this absolute directory before those of the environment.  [runtime] */
DESCENT_API descent_status
descent_runtime_add_directory(descent_runtime *runtime, const char *directory);

/* The highest instruction-set level in use, e.g. "avx2"; the most threads a step
 * may use, the calling one included.  Results never depend on either.  [any] */
DESCENT_API const char *descent_runtime_isa(const descent_runtime *runtime);
DESCENT_API uint32_t    descent_runtime_threads(const descent_runtime *runtime);

/* Set the most threads a step may use, from the next step on: 1 to 1024, or 0 for
 * the processors this process may use.  They are started by the first step that
 * is large enough, as many as the system allows, and end with the runtime; small
 * steps, and one that finds them busy with another optimizer's, run on the
 * calling thread.  Signals are not delivered to them.
 * A child of fork does not have its parent's threads: once they run, a step of
 * this runtime fails there with DESCENT_ERR_STATE; create one in the child.
 * [any] */
DESCENT_API descent_status
descent_runtime_set_threads(descent_runtime *runtime, uint32_t n);

/* ---- Plugins -------------------------------------------------------------------- */

/* A plugin that was found: or, when status is not DESCENT_OK, a file that was
 * refused.  Pointers live as long as the process, but for those of a refusal,
 * `path` and `reason`, which die with the call that gave them. */
typedef struct descent_plugin_info {
    uint32_t                      struct_size;
    descent_status                status;
    const char                   *path;   /* "" when registered without file  */
    const char                   *reason; /* of the refusal, else NULL        */
    const descent_plugin         *plugin; /* NULL when refused                */
    const descent_optimizer_type *type;   /* NULL when refused                */
} descent_plugin_info;

/* Find the optimizer `name` (any case), loading NAME.so if it is not loaded
 * yet; or a class that a rule has presets for ("AdamW": adam).  Searched in this
 * order: directories of the runtime options and descent_runtime_add_directory;
 * DESCENT_PLUGIN_PATH; the user's data directory ($XDG_DATA_HOME or
 * ~/.local/share)/descent/plugins/1; the directory that belongs to libdescent.
 * The first file with the name decides.  `info` may be NULL; set its
 * struct_size.  [runtime] */
DESCENT_API descent_status descent_runtime_find(descent_runtime *runtime,
                                                const char *name,
                                                descent_plugin_info *info);

/* Load the plugin file `path`, which must contain a slash.  [runtime] */
DESCENT_API descent_status descent_runtime_load(descent_runtime *runtime,
                                                const char *path,
                                                descent_plugin_info *info);

/* Add a plugin that is linked into the application, by its entry function
 * (compile it with -DDESCENT_ENTRY_NAME=adam_plugin_v1).  [runtime] */
DESCENT_API descent_status descent_runtime_register(
    descent_runtime *runtime,
    const descent_plugin *(*entry)(const descent_host *host),
    descent_plugin_info *info);

/* Visit the path of every file NAME.so in the searched directories, in search
 * order, the first of each name only, without opening any; then `visit` may
 * load it.  Stops at and returns the first non-zero status of `visit`.
 * [runtime] */
DESCENT_API descent_status descent_runtime_each_file(
    descent_runtime *runtime,
    descent_status (*visit)(void *user, const char *path), void *user);

/* Visit every plugin: the registered ones, then every file found, loaded now,
 * or refused with the reason.  [runtime] */
DESCENT_API descent_status descent_runtime_each(
    descent_runtime *runtime,
    descent_status (*visit)(void *user, const descent_plugin_info *info),
    void *user);

/* Row i of what a type declares, or NULL past the end: options of its own (the
 * learning rate's row gives its default), presets, slots.  [any] */
DESCENT_API const descent_param  *
descent_type_option(const descent_optimizer_type *type, size_t i);
DESCENT_API const descent_preset *
descent_type_preset(const descent_optimizer_type *type, size_t i);
DESCENT_API const descent_slot   *
descent_type_slot(const descent_optimizer_type *type, size_t i);

/* Row i of the options that every optimizer has, or NULL past the end.  An
 * initial value of NaN means none.  [any] */
DESCENT_API const descent_param *descent_common_option(size_t i);

/* Is `name` a common option with parts "name.PART", such as "loss_scale"?  1 or
 * 0.  Languages with tables offer them as a table.  [any] */
DESCENT_API int descent_option_has_parts(const char *name);

/* Row i of what the flavours set of those options, or NULL past the end.  [any]
 */
DESCENT_API const descent_preset *descent_common_preset(size_t i);

/* Bytes of state that `variant` of `type` keeps for each parameter stored as
 * `dtype`, without what the core's options add; 16-bit parameters have theirs in
 * f32.  [any] */
DESCENT_API size_t descent_type_state_bytes(const descent_optimizer_type *type,
                                            uint32_t variant,
                                            descent_dtype dtype);

/* ---- Options --------------------------------------------------------------------- */

/* A set of named options, checked against an optimizer's or a schedule's
 * declarations where it is used.  Setting a name again replaces it.  Which there
 * are, with their ranges, defaults and meaning, tells the command `descent
 * plugins NAME`, and descent_common_option and descent_type_option: choices are
 * texts, such as "torch" of "flavour".  [object] */
DESCENT_API descent_status descent_options_create(descent_runtime *runtime,
                                                  descent_options **options);
DESCENT_API void           descent_options_free(descent_options *options);

DESCENT_API descent_status descent_options_set_number(descent_options *options,
                                                      const char *name,
                                                      double value);
DESCENT_API descent_status descent_options_set_boolean(descent_options *options,
                                                       const char *name,
                                                       int value);
DESCENT_API descent_status descent_options_set_text(descent_options *options,
                                                    const char *name,
                                                    const char *value);
/* A list of numbers, such as the boundaries of a schedule; copied. */
DESCENT_API descent_status descent_options_set_numbers(descent_options *options,
                                                       const char *name,
                                                       const double *values,
                                                       size_t count);
/* The set keeps a reference of its own to `schedule`. */
DESCENT_API descent_status
descent_options_set_schedule(descent_options *options, const char *name,
                             descent_schedule *schedule);
/* A list of schedules, such as those of a sequence; likewise. */
DESCENT_API descent_status descent_options_set_schedules(
    descent_options *options, const char *name,
    descent_schedule *const *schedules, size_t count);
/* "None": as if the option were not given. */
DESCENT_API descent_status descent_options_set_none(descent_options *options,
                                                    const char *name);

/* Read a set from the JSON object in text[length]: numbers, booleans, strings,
 * lists of numbers, null for none, and schedules as {"class_name": "CosineDecay",
 * "config": {...}}, also in lists.  "loss_scale": {"min": 1} sets "loss_scale" to
 * true and "loss_scale.min".  Duplicate keys are refused.  [any] */
DESCENT_API descent_status descent_options_from_json(descent_runtime *runtime,
                                                     const char *text,
                                                     size_t length,
                                                     descent_options **options);

/* ---- Schedules ---------------------------------------------------------------------- */

/* A schedule is a function of the step n = 0, 1, 2, ...; it may stand wherever
 * a number may, for every option that is not structural.  Objects are counted:
 * create gives one reference, release gives it up.  [any] for immutable kinds;
 * [object] with a part of kind reduce_on_plateau or multiplicative, which have a
 * state; a function of the application's own is called on the stepping thread. */

/* Name of kind i ("cosine_decay", ...), or NULL past the end.  [any] */
DESCENT_API const char *descent_schedule_kind(size_t i);

/* Create a schedule by kind, in snake_case or as the class of Keras, MXNet or
 * PyTorch is called.  Options as there; unknown, missing or bad ones are errors
 * that name them. */
DESCENT_API descent_status
descent_schedule_create(descent_runtime *runtime, const char *kind,
                        const descent_options *options,
                        descent_schedule **schedule);

/* The moment a schedule function is asked about. */
typedef struct descent_schedule_context {
    uint32_t    struct_size;
    uint32_t    group;      /* whose option it is: 0 the optimizer's own      */
    uint64_t    iterations; /* calls of step before this one                  */
    uint64_t    updates;    /* updates of the weights before this one         */
    const char *option;     /* being computed, e.g. "learning_rate", or ""    */
} descent_schedule_context;

/* A function of the application's own: stores the value at step n in *value.
 * A failure (see descent_error_set) abandons the step before anything changed.
 * Called exactly once a step and option.  `context` may be NULL when asked by
 * descent_schedule_at. */
typedef descent_status (*descent_schedule_function)(
    void *user, uint64_t n, const descent_schedule_context *context,
    double *value);

/* `release` (or NULL) is called with `user` when the last reference goes; not
 * when this function fails. */
DESCENT_API descent_status descent_schedule_from_function(
    descent_runtime *runtime, descent_schedule_function function, void *user,
    void (*release)(void *user), descent_schedule **schedule);

/* What a configuration shows in the place of such a function, in < and >, for
 * people: "function" unless it is set.  NULL for other schedules.  [object] */
DESCENT_API descent_status
descent_schedule_set_label(descent_schedule *schedule, const char *label);
DESCENT_API const char *
descent_schedule_label(const descent_schedule *schedule);

DESCENT_API void descent_schedule_retain(descent_schedule *schedule);
DESCENT_API void descent_schedule_release(descent_schedule *schedule); /* NULL ok */

/* The value at step n. */
DESCENT_API descent_status descent_schedule_at(const descent_schedule *schedule,
                                               uint64_t n, double *value);

/* Steps until a schedule is over, when `then` goes on: DESCENT_ENDLESS for
 * functions and whatever else has no end.  It may be asked beyond. */
#define DESCENT_ENDLESS UINT64_MAX
DESCENT_API descent_status
descent_schedule_duration(const descent_schedule *schedule, uint64_t *steps);

/* Schedules made of schedules, which stay alive inside; each is also a kind of
 * this name, for descent_schedule_create.  `then`: the first for its duration,
 * which must not be endless, then the second from its own step 0.  The others
 * are pointwise and last as long as the longer part. */
DESCENT_API descent_status descent_schedule_then(descent_schedule  *first,
                                                 descent_schedule  *second,
                                                 descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_multiply(
    descent_schedule *first, descent_schedule *second,
    descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_add(descent_schedule  *first,
                                                descent_schedule  *second,
                                                descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_max(descent_schedule  *first,
                                                descent_schedule  *second,
                                                descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_min(descent_schedule  *first,
                                                descent_schedule  *second,
                                                descent_schedule **schedule);

/* One schedule changed.  clamp: values within [low, high].  last: the same
 * values for another duration.  delay: so many steps later, at its first value
 * before.  stretch: the value at floor(n / by).  cycle: again and again; repeat:
 * so many times, the last of which goes on. */
DESCENT_API descent_status descent_schedule_clamp(descent_schedule *part,
                                                  double low, double high,
                                                  descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_last(descent_schedule *part,
                                                 uint64_t steps,
                                                 descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_delay(descent_schedule *part,
                                                  uint64_t steps,
                                                  descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_stretch(
    descent_schedule *part, double by, descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_cycle(descent_schedule *part,
                                                  descent_schedule **schedule);
DESCENT_API descent_status descent_schedule_repeat(descent_schedule *part,
                                                   uint64_t times,
                                                   descent_schedule **schedule);

/* Tell the metric of an epoch to every part of kind reduce_on_plateau, once
 * each; an error when there is none.  A NaN is no better than anything. */
DESCENT_API descent_status
descent_schedule_observe(descent_schedule *schedule, double metric);

/* The state of all parts as n numbers, of which there are state_count; most
 * schedules have none.  load refuses what is no state and then changes nothing.
 * Infinity is a number here. */
DESCENT_API size_t
descent_schedule_state_count(const descent_schedule *schedule);
DESCENT_API descent_status descent_schedule_state(
    const descent_schedule *schedule, double *values, size_t n);
DESCENT_API descent_status descent_schedule_load(descent_schedule *schedule,
                                                 const double *values,
                                                 size_t n);

/* What a schedule was made with.  Pointers live as long as the schedule. */
typedef enum descent_setting_type {
    DESCENT_SETTING_NONE,
    DESCENT_SETTING_NUMBER,
    DESCENT_SETTING_BOOLEAN,   /* number: 0 or 1                              */
    DESCENT_SETTING_TEXT,
    DESCENT_SETTING_NUMBERS,   /* numbers[count]                              */
    DESCENT_SETTING_SCHEDULE,  /* schedules[0]                                */
    DESCENT_SETTING_SCHEDULES  /* schedules[count]                            */
} descent_setting_type;
typedef struct descent_schedule_setting {
    uint32_t                 struct_size;
    descent_setting_type     type;
    const char              *name;
    double                   number;
    const char              *text;
    const double            *numbers;
    descent_schedule *const *schedules;
    size_t                   count;
} descent_schedule_setting;

/* The kind's name, or NULL for a function; and option i, defaults included:
 * returns 0 past the end, else 1. */
DESCENT_API const char *
descent_schedule_name(const descent_schedule *schedule);
DESCENT_API int descent_schedule_option(const descent_schedule *schedule,
                                        size_t i,
                                        descent_schedule_setting *setting);

/* ---- Optimizer: tensors ---------------------------------------------------------------- */

/* A tensor of the application's.  Weights and gradients stay the application's
 * memory and must outlive their binding; name and shape are copied. */
typedef struct descent_tensor {
    uint32_t       struct_size;
    descent_dtype  dtype;    /* DESCENT_DTYPE_F64, _F32, _F16 or _BF16        */
    const char    *name;     /* unique in an optimizer, not ""; needed        */
    uint32_t       ndim;     /* 0 to DESCENT_MAX_DIMS                         */
    uint32_t       flags;    /* 0                                             */
    const int64_t *shape;    /* [ndim]; NULL when ndim is 0                   */
    const int64_t *strides;  /* [ndim] in elements, or NULL: C order.  Only
                                dense C order is accepted                     */
    void          *data;     /* weights, aligned to the dtype; may be NULL when
                                there are no elements                         */
    const void    *gradient; /* same dtype and shape, read when step is given
                                no gradients; or NULL                         */
} descent_tensor;

/* A gradient handed to one step: dense, or row-sparse when `indices` is not
 * NULL.  A row-sparse one has values for some rows of the weight, whose first
 * dimension counts them; the other rows are zero.  Rows may be named in any
 * order and more than once: values of one row are added first, in the order of
 * the list.  With rows = 0, and any `indices` but NULL, it has none, which is
 * still a gradient: the step counts.  Weights without dimensions have no rows. */
typedef struct descent_gradient {
    uint32_t       struct_size;
    descent_dtype  dtype;    /* 0: that of the weight; others are converted   */
    const void    *data;     /* NULL: none in this step; of a row-sparse one:
                                [rows] and the weight's other dimensions, in C
                                order, NULL only when there are no values     */
    uint32_t       ndim;
    uint32_t       reserved; /* 0                                             */
    const int64_t *shape;    /* [ndim], must be the weight's, whether dense or
                                row-sparse; NULL: assumed                     */
    const int64_t *strides;  /* as above                                      */
    const int64_t *indices;  /* [rows], each >= 0 and less than the weight's
                                first dimension; copied at once.  NULL: dense */
    int64_t        rows;     /* how many; 0 when dense                        */
} descent_gradient;

/* Create an optimizer of the kind `kind` (a plugin's name, any case) with
 * `options` (NULL: all defaults; not kept).  It has no tensors yet.  A wrong
 * option is an error, and nothing of the optimizer remains.  [runtime] */
DESCENT_API descent_status
descent_optimizer_create(descent_runtime *runtime, const char *kind,
                         const descent_options *options,
                         descent_optimizer **optimizer);
/* Create an optimizer from the JSON object in text[length]: what
 * descent_optimizer_config wrote, or {"class_name": "Adam", "config": {...}} of
 * Keras 3 or 2.3, a LossScaleOptimizer with its "inner_optimizer" included; or
 * the config alone, when its "name" is the class's or what Keras makes of it
 * ("rm_sprop", "adam_1").  Class names in any case; null means none; an unknown
 * key is an error.  Nothing in a configuration of Keras 2.3 tells its age: it
 * needs "flavour": "keras2" in it or in `options`.  These (NULL: none) replace
 * what the text says of the same options, and give functions again, which text
 * cannot hold; none under "groups" leaves out the groups of the text.  [runtime] */
DESCENT_API descent_status descent_optimizer_create_from_config(
    descent_runtime *runtime, const char *text, size_t length,
    const descent_options *options, descent_optimizer **optimizer);

/* NULL is allowed.  Weights stay as they are: swap averages back before.
 * [optimizer] */
DESCENT_API void descent_optimizer_free(descent_optimizer *optimizer);

/* Bind n more tensors, all or none; index = order of adding.  Groups are asked
 * for each of them.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_add(descent_optimizer *optimizer,
                      const descent_tensor *tensors, size_t n);

/* Forget a tensor and its state; later indices move down by one.  The memory of
 * its state goes back when the tensors that were built together with it are gone
 * too.  An error while averages are swapped in.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_remove(descent_optimizer *optimizer, const char *name);

/* Allocate and fill the state of tensors that have none yet.  The first step
 * does so too.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_build(descent_optimizer *optimizer);

DESCENT_API size_t
descent_optimizer_tensor_count(const descent_optimizer *optimizer);

/* Describe tensor `index` (set tensor->struct_size before; pointers live until
 * tensors are added or removed), or find an index by name.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_tensor(const descent_optimizer *optimizer, size_t index,
                         descent_tensor *tensor);
DESCENT_API descent_status
descent_optimizer_index(const descent_optimizer *optimizer, const char *name,
                        size_t *index);

/* Tensors that differ in some options.  A tensor belongs to the first group, in
 * order of adding, whose list has its name, or whose expression is found in its
 * name, or for which `where` returns non-zero; any one of the three is enough. */
typedef struct descent_group {
    uint32_t           struct_size;
    uint32_t           reserved;   /* 0                                       */
    const char        *match;      /* POSIX extended regular expression, of at
                                      most 100000 characters when repetitions
                                      are written out; or NULL                */
    const char *const *names;      /* [name_count], or NULL                   */
    size_t             name_count;
    /* Asked once about every tensor that no earlier group has, when either is
     * added; negative fails the call with that status.  Or NULL. */
    int32_t          (*where)(void *user, const struct descent_tensor *tensor);
    void              *user;       /* must outlive the optimizer              */
    const descent_options *options; /* what differs: any option that is not
                                      structural, numbers or schedules; also
                                      lr_mult, wd_mult and freeze.  Not kept  */
} descent_group;

/* Add a group: numbers count from 1 in order of adding, *number (or NULL) is its
 * own; 0 is the optimizer's own options, for all other tensors and for what the
 * group does not set.  Its own way of clipping replaces the optimizer's.  A
 * group that matches no tensor, or that lists a name which none has, is an error
 * of the first build.  Scalar state (Nadam's product) is one a group when bias
 * correction counts globally.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_add_group(descent_optimizer *optimizer,
                            const descent_group *group, size_t *number);
/* Fail when a group has no tensor, or lists a name that none has. [optimizer] */
DESCENT_API descent_status
descent_optimizer_check_groups(descent_optimizer *optimizer);

/* Groups, the optimizer's own included; the group of tensor `index`, 0 past the
 * end.  [optimizer] */
DESCENT_API size_t
descent_optimizer_group_count(const descent_optimizer *optimizer);
DESCENT_API size_t
descent_optimizer_tensor_group(const descent_optimizer *optimizer,
                               size_t index);

/* The multiplier of one tensor's learning rate or weight decay (finite, not
 * negative), in the place of its group's; NaN returns to that.  [optimizer] */
DESCENT_API descent_status descent_optimizer_set_lr_mult(
    descent_optimizer *optimizer, size_t index, double multiplier);
DESCENT_API descent_status descent_optimizer_set_wd_mult(
    descent_optimizer *optimizer, size_t index, double multiplier);
DESCENT_API double
descent_optimizer_lr_mult(const descent_optimizer *optimizer, size_t index);
DESCENT_API double
descent_optimizer_wd_mult(const descent_optimizer *optimizer, size_t index);

/* The rate that the last step used for tensor `index`, multipliers included;
 * NaN before the first step and past the end.  [optimizer] */
DESCENT_API double
descent_optimizer_tensor_rate(const descent_optimizer *optimizer, size_t index);

/* A weight or a bound gradient moved; shape and dtype are unchanged.  NULL takes
 * a bound gradient away.  Cheap: whether weights overlap is judged by the next
 * step, before anything changes.  [optimizer] */
enum { DESCENT_POINTER_WEIGHT = 1, DESCENT_POINTER_GRADIENT = 2 };
DESCENT_API descent_status
descent_optimizer_set_pointer(descent_optimizer *optimizer, size_t index,
                              int which, const void *pointer);

/* ---- Optimizer: steps -------------------------------------------------------------------- */

/* Which of the numbers in descent_step_options are given. */
enum { DESCENT_STEP_RESCALE = 1, DESCENT_STEP_BATCH = 2 };

typedef struct descent_step_options {
    uint32_t      struct_size;
    uint32_t      flags;        /* DESCENT_STEP_* or 0                        */
    const size_t *tensors;      /* indices of the only tensors to update, in
                                   rising order; NULL: all.  What others have
                                   accumulated waits for them                 */
    size_t        tensor_count;
    double        rescale_grad; /* in place of the option, in this call       */
    double        batch_size;   /* > 0; rescale_grad is divided by it.  Where
                                   steps accumulate, both are those of the
                                   call that updates                          */
} descent_step_options;

/* What a step did. */
typedef struct descent_step_report {
    uint32_t struct_size;
    uint32_t clipped;       /* tensors whose norm was cut, or 0               */
    uint64_t updated;       /* tensors whose weights the rule updated         */
    double   learning_rate; /* used                                           */
    double   grad_norm;     /* over all gradients before clipping, of a call
                               that only accumulates over its own; NaN when no
                               option needed it or they were skipped          */
    double   loss_scale;    /* that the gradients came with; 1 when none      */
    uint64_t step_calls;    /* calls of the plugin's step ...                 */
    uint64_t fused_calls;   /* ... and fused_step: as threads share the work,
                               so several runs may differ in it               */
    uint64_t skipped;       /* 1 when the gradients were left out, else 0     */
    const char *reason;     /* why: "nonfinite"; NULL when they were not      */
} descent_step_report;

/* Update the weights once.  `gradients` is an array of n = the number of
 * tensors (of the subset, when there is one), in their order; or NULL with n =
 * 0 for the gradients bound with the tensors.  Tensors without a gradient are
 * left alone, but for averages; no gradient at all is an error; an optimizer
 * without tensors, or an empty subset, does nothing.  `options` and `report`
 * may be NULL.  Everything is checked before anything changes.  If the plugin
 * itself fails midway the optimizer refuses further steps.
 *
 * A NaN or infinity in any gradient is found before anything changes, where an
 * option asks for it: on_nonfinite = "error" makes it a failure, "skip_step",
 * as the dynamic loss scale, a success that skipped: weights, state, averages
 * and what was accumulated stay, and so does the count of iterations unless
 * skip_counts is set; then a skipped call that is the last of an accumulation
 * window still updates with what the window's other calls have accumulated.
 *
 * A row-sparse gradient is by default one with zeros elsewhere, to the bit.
 * With the option sparse = "lazy" only the rows that it lists change, in weights
 * and state: others neither decay nor keep moving by momentum.  What counts
 * updates counts the tensor's; averages go over all rows; norms are those of
 * the dense gradient; under accumulation the rows are those that any step of
 * the window listed, all if one was dense.  Then a step costs in proportion to
 * the rows, and allocates only when a tensor is given more rows than ever
 * before.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_step(descent_optimizer *optimizer,
                       const descent_gradient *gradients, size_t n,
                       const descent_step_options *options,
                       descent_step_report *report);

/* x times the loss scale in force: what to backpropagate from.  The dynamic one
 * changes with steps: ask before each.  [optimizer] */
DESCENT_API double
descent_optimizer_scale_loss(const descent_optimizer *optimizer, double x);

/* Calls of step so far, and updates of the weights so far: they differ under
 * gradient accumulation.  [optimizer] */
DESCENT_API uint64_t
descent_optimizer_iterations(const descent_optimizer *optimizer);
DESCENT_API uint64_t
descent_optimizer_updates(const descent_optimizer *optimizer);

/* Updates that tensor `index` took part in; 0 past the end.  [optimizer] */
DESCENT_API uint64_t
descent_optimizer_tensor_updates(const descent_optimizer *optimizer,
                                 size_t index);

/* Averages (use_ema).  swap puts the averages in the place of the weights, and
 * the weights back, to the bit, when called again; while swapped, a step is an
 * error.  finalize writes the averages into the weights for good; without
 * averages it does nothing.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_swap_average(descent_optimizer *optimizer);
DESCENT_API descent_status
descent_optimizer_finalize(descent_optimizer *optimizer);

/* Make masters and what else is kept beside 16-bit weights (the option
 * "master") from the weights as they are now: to be called after the
 * application has changed them, because steps read the masters.  Where none are
 * kept it does nothing.  An error while averages stand in for the weights.
 * [optimizer] */
DESCENT_API descent_status
descent_optimizer_reload_master(descent_optimizer *optimizer);

/* ---- Optimizer: options and state ----------------------------------------------------------- */

/* The type of the rule; its name as given by the option "name".  [any] */
DESCENT_API const descent_optimizer_type *
descent_optimizer_get_type(const descent_optimizer *optimizer);
DESCENT_API const char *
descent_optimizer_name(const descent_optimizer *optimizer);

/* The value of an option that the next step will use: booleans 0 or 1, choices
 * their index, NaN for none; a schedule is asked.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_get(descent_optimizer *optimizer, const char *option,
                      double *value);

/* Change an option that is not structural, from the next step on.  A number
 * over a schedule is an error: set a schedule of kind "hold" instead; NaN sets
 * "none" where the option may be none.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_set(descent_optimizer *optimizer, const char *option,
                      double value);
DESCENT_API descent_status
descent_optimizer_set_schedule(descent_optimizer *optimizer, const char *option,
                               descent_schedule *schedule);

/* The same for one group (0: the optimizer's own): what it has not set itself is
 * the optimizer's.  Freezing a tensor keeps its state; what was frozen from the
 * beginning has none, and gets it when it is no longer.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_group_get(descent_optimizer *optimizer, size_t group,
                            const char *option, double *value);
DESCENT_API descent_status
descent_optimizer_group_set(descent_optimizer *optimizer, size_t group,
                            const char *option, double value);
DESCENT_API descent_status descent_optimizer_group_set_schedule(
    descent_optimizer *optimizer, size_t group, const char *option,
    descent_schedule *schedule);

/* The configuration as JSON text, to create the optimizer again with
 * descent_optimizer_create_from_config, without tensors and state.  `dialect` is
 * "descent", in which functions appear by their labels; or "keras3": what
 * keras.optimizers.deserialize reads, an error where Keras 3 has not got an
 * option or schedule that is in use.  The text belongs to the optimizer, until
 * the next call or until it is freed.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_config(descent_optimizer *optimizer, const char *dialect,
                         const char **text);

/* Tensors whose weights do not decay: by exact name (n may be 0) and by POSIX
 * extended regular expression, searched in the name (NULL: none).  Replaces the
 * previous list; tensors added later are judged too.  An error after the first
 * step, and for a name that is not bound.  [optimizer] */
DESCENT_API descent_status descent_optimizer_exclude_from_weight_decay(
    descent_optimizer *optimizer, const char *const *names, size_t n,
    const char *match);

/* Name of state array i ("momentum", ..., also "average",
 * "gradient_accumulator", "gradient_accumulator_rows", "master" and
 * "compensation" where in use), or NULL past the end.  [optimizer] */
DESCENT_API const char *
descent_optimizer_slot_name(const descent_optimizer *optimizer, size_t i);

/* A read-only view of a state array of tensor `index`; of a scalar
 * (Nadam's u_product) that counts globally it is its group's.  "master" and
 * "compensation" of a tensor that has none, because it is f32 or f64, have shape
 * {0}, and so has all state of a tensor that was always frozen.
 * "gradient_accumulator_rows" is of type DESCENT_DTYPE_U8: 1 for each row that
 * the accumulator holds something of, which lazy updates need.  Set
 * view->struct_size before.  Pointers live until tensors are added or removed.
 * Before build it is an error.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_slot(const descent_optimizer *optimizer, size_t index,
                       const char *slot, descent_tensor *view);

/* Bytes of all state arrays.  [optimizer] */
DESCENT_API size_t
descent_optimizer_state_bytes(const descent_optimizer *optimizer);

/* ---- Optimizer: state, saved and loaded ------------------------------------------------------ */

/* The state of an optimizer is all that the next steps depend on beside the
 * options and the gradients: weights, state arrays, counters, states of
 * schedules, the seed.  It is named:
 *     NAME                             the weights of the tensor NAME
 *     descent.slots/SLOT/NAME          a state array, or a scalar of the tensor
 *     descent.slots/SLOT               scalars that belong to no tensor, f64, one
 *                                      a group
 *     descent.counters/updates/NAME    i64, for every tensor; under gradient
 *                                      accumulation also "accumulated"
 *     descent.counters/iterations      i64; also "updates" and "seed"
 *     descent.schedules/OPTION         the numbers of a schedule with a state; of
 *                                      group 2 "2.OPTION"
 *     descent.loss_scale/scale         f64, and "good_steps", i64: where the loss
 *                                      is scaled dynamically
 * and in texts: descent.version, descent.optimizer (the rule), .state_version,
 * .holds ("state" or "weights and state"), descent.options/OPTION.  Options are
 * told for people and compared where arrays mean something else with others: a
 * loaded optimizer keeps its own.  Schedules are asked for the step that was
 * loaded: there is nothing to set up in order. */

/* One piece of a state: an array, or, when view is NULL, a text.  Dies with the
 * call. */
typedef struct descent_state_item {
    uint32_t              struct_size;
    uint32_t              reserved; /* 0                                      */
    const char           *section;  /* "weights", "slots", ...; "" in a key
                                       without                                */
    const char           *part;     /* SLOT, OPTION, "updates"; "" of weights */
    const char           *tensor;   /* NAME, or NULL: of the whole optimizer  */
    const descent_tensor *view;     /* read-only; its name is the key         */
    const char           *text;
} descent_state_item;

enum {
    DESCENT_STATE_WITHOUT_WEIGHTS = 1u << 0 /* they are saved elsewhere       */
};

/* Visit the state as it is, building it first if need be.  `flags`:
 * DESCENT_STATE_*.  Stops at and returns the first non-zero status of `visit`,
 * which must not change the optimizer.  An error while averages stand in for the
 * weights, and after the plugin has failed midway.  [optimizer] */
DESCENT_API descent_status descent_optimizer_state(
    descent_optimizer *optimizer, uint32_t flags,
    descent_status (*visit)(void *user, const descent_state_item *item),
    void *user);

/* How a state differs from that of the optimizer it is loaded into. */
enum {
    DESCENT_DIFFERENCE_MISSING = 1, DESCENT_DIFFERENCE_UNEXPECTED = 2,
    DESCENT_DIFFERENCE_SHAPE = 3, DESCENT_DIFFERENCE_TYPE = 4,
    DESCENT_DIFFERENCE_OPTION = 5
};
typedef struct descent_difference {
    uint32_t    struct_size;
    uint32_t    kind; /* DESCENT_DIFFERENCE_*                                 */
    const char *name; /* the tensor's, where all of it is missing or
                         unexpected; else the key                             */
    const char *text; /* "momentum of 'w' has the shape [3], expected [2]"    */
} descent_difference;

enum {
    DESCENT_LOAD_PARTIAL = 1u << 0 /* take what fits, leave the rest as it is */
};
typedef struct descent_load_options {
    uint32_t struct_size;
    uint32_t flags; /* DESCENT_LOAD_*                                         */
    /* Told each difference before anything changes; NULL: nobody.  A failure
     * ends the loading. */
    descent_status (*difference)(void *user, const descent_difference *d);
    void    *user;
} descent_load_options;

/* Load a state from arrays[n] and texts (key, text, ..., NULL), as the visitor
 * got them, in any order; they may be memory of the optimizer's.  Loading is by
 * name, and all or nothing: on any difference it is an error that lists them,
 * and nothing has changed, unless `options` (or NULL) say DESCENT_LOAD_PARTIAL.
 * The state of another rule, or of another version of it, is an error in any
 * case; arrays whose names neither begin with "descent." nor are those of bound
 * tensors are the application's and left alone.  Averages and masters that are
 * missing, and loaded weights they depend on, make them anew.  After a failure
 * of the plugin the optimizer is usable again.  An error while averages stand in
 * for the weights.  [optimizer] */
DESCENT_API descent_status descent_optimizer_load_state(
    descent_optimizer *optimizer, const descent_tensor *arrays, size_t n,
    const char *const *texts, const descent_load_options *options);

/* What else goes into a file: tensors and texts (as for descent_file_save) whose
 * names are not those of bound tensors and do not begin with "descent.". */
typedef struct descent_save_options {
    uint32_t              struct_size;
    uint32_t              flags; /* DESCENT_STATE_*                           */
    const descent_tensor *tensors;
    size_t                tensor_count;
    const char *const    *metadata;
} descent_save_options;

/* Save the state, with the weights, to a file as descent_file_save does: strict
 * safetensors, digested, replaced as a whole.  The same state gives the same
 * bytes.  `options` may be NULL.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_save(descent_optimizer *optimizer, const char *path,
                       const descent_save_options *options);

/* Load the state from such a file.  Every array is read and its digest checked
 * before anything changes, so for a while the memory for them is needed twice.
 * Otherwise as descent_optimizer_load_state.  [optimizer] */
DESCENT_API descent_status
descent_optimizer_load(descent_optimizer *optimizer, const char *path,
                       const descent_load_options *options);

/* ---- Optimizer: Keras' flat lists -------------------------------------------------------------- */

/* The order in which Keras lists an optimizer's variables (get_weights).
 *   KERAS3  with a dynamic loss scale two zeros, its finite steps and the scale;
 *           iterations; the learning rate, unless it follows a schedule; averages
 *           and accumulators, each of all tensors; the slots that every variant
 *           has, tensor by tensor; every other slot of all tensors; scalars.
 *   KERAS2  iterations; scalars; every slot of all tensors, in 2.3 also Adam's
 *           unused velocity_hat, as one zero.
 * Numbers have no dimensions.  What these systems do not keep has no place:
 * masters and compensations, scalars of groups and tensors, and averages in
 * KERAS2, are errors; counters of tensors and states of schedules are left out. */
enum { DESCENT_ORDER_KERAS3 = 0, DESCENT_ORDER_KERAS2 = 1 };

/* Visit the list, building the state first if need be; pointers die with the
 * call, and the elements are not to be changed.  Stops at and returns the first
 * non-zero status of `visit`.  [optimizer] */
DESCENT_API descent_status descent_optimizer_weights(
    descent_optimizer *optimizer, int order,
    descent_status (*visit)(void *user, const descent_tensor *item),
    void *user);

/* Take the values of such a list (names are not looked at): all or nothing.
 * Floating types are converted.  Updates, also of each tensor, become those that
 * so many iterations make.  As in Keras 2.3, a list in the order KERAS2 may lack
 * the iterations, which become 0 (RMSprop, Adagrad, Adadelta), or the scalar,
 * which becomes its first value (Nadam).  [optimizer] */
DESCENT_API descent_status descent_optimizer_set_weights(
    descent_optimizer *optimizer, int order, const descent_tensor *list,
    size_t n);

/* ---- Files of tensors -------------------------------------------------------------------------- */

/* Element types that files hold beside those of weights. */
enum {
    DESCENT_DTYPE_U8 = 16, DESCENT_DTYPE_I64 = 17, DESCENT_DTYPE_U64 = 18
};

/* Write n tensors (name, dtype, shape and data; dense, the gradient is not
 * looked at) and metadata (key, text, key, text, ..., NULL; or NULL) to a
 * safetensors file, with a digest of every tensor.  The same content gives the
 * same bytes.  The file is replaced as a whole, and synced; the former one is
 * kept as PATH.prev; a symbolic link is replaced, not followed.  Whenever the
 * process or the machine stops, the old or the new file is there.  [any] */
DESCENT_API descent_status
descent_file_save(descent_runtime *runtime, const char *path,
                  const descent_tensor *tensors, size_t n,
                  const char *const *metadata);

/* Replace any file by these bytes in the same way, without PATH.prev.  [any] */
DESCENT_API descent_status descent_file_replace(descent_runtime *runtime,
                                                const char *path,
                                                const void *bytes, size_t size);

/* Open a safetensors file, by whomever.  All is checked but the elements, which
 * are checked when they are read; the message about a damaged file says whether
 * PATH.prev is whole.  The file keeps its runtime alive.  [any] */
DESCENT_API descent_status descent_file_open(descent_runtime *runtime,
                                             const char *path,
                                             descent_file **file);
DESCENT_API void           descent_file_close(descent_file *file); /* NULL ok */

/* The tensors, sorted by name: how many; one of them, without data (set
 * struct_size; pointers live as long as the file); the index of a name.  Names
 * are any text: never use them as paths.  [object] */
DESCENT_API size_t         descent_file_count(const descent_file *file);
DESCENT_API descent_status descent_file_tensor(const descent_file *file,
                                               size_t index,
                                               descent_tensor *tensor);
DESCENT_API descent_status descent_file_index(const descent_file *file,
                                              const char *name, size_t *index);

/* Read all elements of a tensor into exactly as many bytes of memory, and check
 * their digest.  After a failure the memory's contents are undefined. [object] */
DESCENT_API descent_status descent_file_read(descent_file *file, size_t index,
                                             void *to, size_t bytes);

/* Key i of the metadata, sorted, or NULL past the end; the text of a key, or
 * NULL.  They live as long as the file.  [object] */
DESCENT_API const char *descent_file_key(const descent_file *file, size_t i);
DESCENT_API const char *descent_file_text(const descent_file *file,
                                          const char *key);

/* ---- Checkpoints --------------------------------------------------------------------------------- */

/* What a file says of a tensor's elements: nothing (others' files), or a digest
 * that they match or not. */
enum { DESCENT_DIGEST_NONE = 0, DESCENT_DIGEST_GOOD = 1, DESCENT_DIGEST_BAD = 2 };

/* A tensor (without data) or a text of the metadata; dies with the call. */
typedef struct descent_checkpoint_item {
    uint32_t              struct_size;
    uint32_t              digest;    /* DESCENT_DIGEST_*, of a tensor          */
    const descent_tensor *tensor;    /* or NULL for a text                     */
    uint64_t              bytes;     /* of a tensor                            */
    const char           *key, *text; /* of a text, or NULL for a tensor       */
} descent_checkpoint_item;

typedef descent_status (*descent_checkpoint_visitor)(
    void *user, const descent_checkpoint_item *item);

/* Visit all that is in a safetensors file: tensors by name, their digests
 * checked, then texts by key.  A digest that does not match is no failure here.
 * Stops at and returns the first non-zero status of `visit`.  [any] */
DESCENT_API descent_status
descent_checkpoint_inspect(descent_runtime *runtime, const char *path,
                           descent_checkpoint_visitor visit, void *user);

/* Fail unless the file is whole: its form, its header and every tensor match
 * their digests, where it has digests.  The message says whether PATH.prev is
 * whole.  [any] */
DESCENT_API descent_status descent_checkpoint_verify(descent_runtime *runtime,
                                                     const char *path);

#ifdef __cplusplus
}
#endif
#endif
