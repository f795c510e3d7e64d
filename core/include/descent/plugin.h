/* SPDX-License-Identifier: MIT */
/*
 * descent/plugin.h - the binary interface between the Descent runtime and an
 * optimizer plugin.  C11; also valid C++11.  Depends on two standard headers.
 *
 * A plugin is a shared object that exports one function, descent_plugin_v1().
 * It declares its hyperparameters and its per-tensor state as tables and gives
 * its update rule as two functions, step and fused_step.  Most plugins never
 * write those by hand: <descent/kernel.h> writes them from a three-line rule.
 *
 * Who does what
 *   core    gradient scaling, accumulation, clipping, weight decay, weight
 *           averaging, schedules of every option, printing; and, without any
 *           change to a plugin, what later versions add: other storage types,
 *           master weights, sparse rows, threads, checkpoints, sharding.
 *   plugin  the update rule and the scalars it needs once an update.
 *
 * Growth rules (ABI version MAJOR.MINOR)
 *   - Every struct but descent_plugin starts with its size in bytes, set by
 *     whoever allocates it.  Read a field only when DESCENT_HAS(s, field).  New
 *     fields go at the end; no struct has padding.
 *   - Arrays of structs travel with the size of one element; step through them
 *     with that size, not with sizeof.
 *   - A struct larger than the reader knows is accepted; unknown bits in a mask
 *     are refused, never ignored, but for hints (DESCENT_PASS_*).  Enumerators
 *     are never renumbered.
 *   - Anything that does not fit a new field is an extension: a struct found by
 *     a string such as "descent.quantized-state/1".
 *   - MAJOR changes rename the entry symbol, so one file may serve both, and a
 *     reader knows the major before any code of the file runs.
 *
 * Thread marks
 *   [main]    calls for one optimizer never overlap each other.
 *   [worker]  may run on several threads at once, over disjoint elements; their
 *             stacks have 256 KiB, their signals are blocked.
 *   [any]     callable from everywhere, also from inside a rule.
 *
 * No exception and no longjmp may leave a function of a plugin.
 *
 * Ownership: whoever passes a pointer keeps it.  Pointers reached from
 * descent_plugin live until the process ends (plugins are not unloaded); the
 * host lives as long as its runtime.  Other pointers in a call's arguments die
 * when the call returns.
 */
#ifndef DESCENT_PLUGIN_H
#define DESCENT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DESCENT_ABI_MAJOR 1
#define DESCENT_ABI_MINOR 0
#define DESCENT_ENTRY     "descent_plugin_v1"

/* True when the struct behind `s` is large enough to contain `field`. */
#define DESCENT_HAS(s, field)                                                 \
    ((s)->struct_size >= (size_t)((const char *)&(s)->field -                 \
                                  (const char *)(s)) + sizeof (s)->field)

#if defined __GNUC__ || defined __clang__
#  define DESCENT_EXPORT __attribute__((visibility("default")))
#  define DESCENT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#  define DESCENT_EXPORT
#  define DESCENT_PRINTF(f, a)
#endif

/* These limits never change within a major version. */
enum { DESCENT_MAX_SLOTS = 8, DESCENT_MAX_COEFS = 16, DESCENT_MAX_DIMS = 8 };

typedef struct descent_host           descent_host;
typedef struct descent_optimizer_type descent_optimizer_type;

/* ---- Results ------------------------------------------------------------ */

/* Zero is success.  A failing function first calls host->fail(), which stores
 * the message for this thread, and returns the code that fail() hands back. */
typedef int32_t descent_status;
enum {
    DESCENT_OK            =  0,
    DESCENT_ERR_ARGUMENT  = -1, /* a value outside its declared range         */
    DESCENT_ERR_MEMORY    = -2,
    DESCENT_ERR_SUPPORT   = -3, /* dtype, device or feature not available     */
    DESCENT_ERR_NUMERIC   = -4, /* non-finite, or the rule cannot continue    */
    DESCENT_ERR_ABI       = -5, /* versions cannot work together              */
    DESCENT_ERR_IO        = -6,
    DESCENT_ERR_STATE     = -7, /* wrong order of calls, state does not match */
    DESCENT_ERR_SCRIPT    = -8, /* a function of the application's failed     */
    DESCENT_ERR_INTERNAL  = -9
};

/* ---- Element types, instruction sets -------------------------------------- */

typedef uint32_t descent_dtype;
enum {
    DESCENT_DTYPE_COMPUTE = 0, /* in tables: the precision the rule runs in   */
    DESCENT_DTYPE_F32 = 1, DESCENT_DTYPE_F64 = 2,
    DESCENT_DTYPE_F16 = 3, DESCENT_DTYPE_BF16 = 4
};

/* What the processor can run, as the core found it once (or as DESCENT_ISA in
 * the environment narrowed it).  Every level must produce identical bits. */
typedef uint32_t descent_isa;
enum {
    DESCENT_ISA_ANY    = 0,
    DESCENT_ISA_AVX2   = 1u << 0,
    DESCENT_ISA_AVX512 = 1u << 1  /* F + VL + DQ + BW */
};

/* ---- Hyperparameters ------------------------------------------------------ */

enum {
    DESCENT_PARAM_REAL = 1, DESCENT_PARAM_INT = 2, DESCENT_PARAM_BOOL = 3,
    DESCENT_PARAM_CHOICE = 4,
    DESCENT_PARAM_TEXT = 5       /* options of the core only                  */
};
enum {
    DESCENT_PARAM_MIN_OPEN   = 1u << 0, /* the minimum itself is not allowed  */
    DESCENT_PARAM_MAX_OPEN   = 1u << 1,
    DESCENT_PARAM_STRUCTURAL = 1u << 2, /* picks the variant: fixed at creation,
                                           never scheduled                    */
    DESCENT_PARAM_SELECTS    = 1u << 3, /* may change and be scheduled, but zero
                                           or not zero picks the variant: a
                                           scheduled value counts as not zero,
                                           and leaving zero later is an error */
    DESCENT_PARAM_WARN_ZERO  = 1u << 4, /* zero is allowed, but rarely meant:
                                           the core warns once                */
    DESCENT_PARAM_KERAS3     = 1u << 5, /* Keras 3 has this option of the rule,
                                           by this name, so configurations for
                                           it have it too                     */
    DESCENT_PARAM_INFINITE   = 1u << 6, /* may be infinite: options of the core
                                           only                               */
    DESCENT_PARAM_WARN_ABOVE = 1u << 7  /* the maximum holds in the default
                                           flavour alone: in others more is
                                           allowed, and the core warns once   */
};

/* One hyperparameter.  Every kind travels as a double (BOOL 0/1, CHOICE its
 * index).  The core checks range and type before the plugin sees a value.
 * The learning rate and weight decay are the core's: do not declare them,
 * except "learning_rate" to set its default; that row is not in `param`. */
typedef struct descent_param {
    uint32_t    struct_size;
    uint16_t    type, flags;     /* DESCENT_PARAM_*                           */
    const char *name;            /* [a-z][a-z0-9_]*, stable for ever          */
    const char *help;            /* one sentence                              */
    double      initial, minimum, maximum;
    const char *const *choices;  /* NULL-ended, for DESCENT_PARAM_CHOICE      */
    const char *const *aliases;  /* NULL-ended other names, or NULL           */
} descent_param;

/* Another system's default for a hyperparameter of this or of the core: applied
 * when the user picks that flavour ("keras2", "mxnet", "torch") and gives no
 * value of their own.  In the place of a flavour may stand the name, in small
 * letters, of a class that is this rule with other defaults, such as "adamw":
 * it begins with the type's id, and makes the rule known under it; its own
 * defaults in a flavour follow as "adamw_torch". */
typedef struct descent_preset {
    uint32_t    struct_size;
    uint32_t    reserved;        /* 0                                         */
    const char *flavour;
    const char *param;
    double      value;
} descent_preset;

/* ---- Per-tensor state ------------------------------------------------------ */

enum {
    DESCENT_SLOT_LIKE_WEIGHT = 1, /* one element per weight                    */
    DESCENT_SLOT_SCALAR      = 2, /* one f64, read and written by prepare: one a
                                     group when bias correction counts globally,
                                     one a tensor when it counts per tensor;
                                     in tensor scope also by step              */
    DESCENT_SLOT_PER_ROW     = 3, /* shape[0] elements, 1 where there are no
                                     dimensions (tensor scope only)            */
    DESCENT_SLOT_PER_COLUMN  = 4  /* product(shape[1:]), 1 where there are no
                                     dimensions (tensor scope only)            */
};
enum {
    DESCENT_SLOT_SCRATCH = 1u << 0, /* a worker's, contents undefined, not saved
                                       (tensor scope only)                    */
    DESCENT_SLOT_LISTED  = 1u << 1, /* in the flat list of Keras 2.3 one zero
                                       stands for it where it is not in use   */
    DESCENT_SLOT_LEADS   = 1u << 2  /* lists of Keras before 2.3 begin with it,
                                       without the counter                    */
};

/* One piece of optimizer state, allocated, zeroed or filled, saved, restored,
 * sharded and printed by the core.  State outside slots is lost on restore. */
typedef struct descent_slot {
    uint32_t      struct_size;
    uint16_t      shape, flags; /* DESCENT_SLOT_*                             */
    const char   *name;         /* checkpoint key, stable for ever            */
    const char   *help;
    descent_dtype dtype;        /* DESCENT_DTYPE_COMPUTE; _F64 for scalars    */
    uint32_t      variants;     /* bit v set: variant v uses it; 0: all do    */
    double        initial;      /* first value of every element               */
    const char   *initial_param;/* or the hyperparameter that holds it        */
} descent_slot;

/* ---- What a rule receives ------------------------------------------------ */

/* Work the core would like folded into the pass.  The values are first rounded
 * to the compute type; the order is fixed, and every operation rounds once:
 *     SCALE  g = g * grad_scale
 *     CLIP   g = g > clip ? clip : g;  g = g < -clip ? -clip : g
 *     L2     g = g + l2 * w
 *     DECAY  w = w - decay * w
 *            ... the rule ...
 *     EMA    a = ema_keep * a + ema_take * w
 * What a plugin does not list in `fuses`, the core does itself, on tiles that
 * stay in the first-level cache (element scope) or on whole tensors (tensor
 * scope), then calls step(): the same bits. */
enum {
    DESCENT_FUSE_SCALE = 1u << 0, DESCENT_FUSE_CLIP  = 1u << 1,
    DESCENT_FUSE_L2    = 1u << 2, DESCENT_FUSE_DECAY = 1u << 3,
    DESCENT_FUSE_EMA   = 1u << 4,
    DESCENT_FUSE_BF16  = 1u << 5 /* in a type's `fuses` only: fused_step takes
                                    passes with `stored`, whatever their mask */
};

typedef struct descent_fuse {
    uint32_t struct_size;
    uint32_t mask;               /* operations to perform, a subset of fuses  */
    double   grad_scale;         /* one product, formed in f64: loss scale,
                                    mean over accumulation, norm clip, rescale;
                                    negative when maximizing                  */
    double   clip;               /* > 0                                       */
    double   l2;                 /* coupled decay x the tensor's multiplier   */
    double   decay;              /* lr x decoupled decay x multiplier         */
    double   ema_keep, ema_take; /* m and 1 - m; 0 and 1 at the first update  */
} descent_fuse;

/* A run of `count` consecutive elements of one tensor.  All arrays are dense,
 * in the pass's compute type but for `stored` passes, aligned to their type, and
 * never overlap.
 * In element scope a run may start anywhere and be cut anywhere: the result
 * must not depend on the cut.  In tensor scope it is the whole tensor. */
typedef struct descent_span {
    uint32_t            struct_size;
    uint32_t            ndim;    /* tensor scope only, else 0                 */
    int64_t             count;   /* elements, > 0                             */
    void               *weight;  /* in/out                                    */
    const void         *grad;    /* in; the final gradient for step()         */
    void *const        *slot;    /* [slot_count], in/out, table order; NULL
                                    where unused or DESCENT_SLOT_SCALAR       */
    const void         *coef;    /* what prepare wrote, in compute type:
                                    [DESCENT_MAX_COEFS], zero padded          */
    const descent_fuse *fuse;    /* fused_step only                           */
    void               *average; /* in/out for DESCENT_FUSE_EMA, or NULL      */
    const int64_t      *shape;   /* [ndim], tensor scope only                 */
    double             *scalar;  /* scalar slots in order, tensor scope only  */
    int64_t             first;   /* index of element 0 in its tensor          */
    uint64_t            tensor_id; /* hash of the name: stable across runs    */
    void               *stored;  /* out; of a pass with `stored` only         */
} descent_span;

enum {
    DESCENT_PASS_FAR = 1u << 0   /* the step's arrays are more than the caches
                                    hold: asking for memory ahead pays        */
};

/* One call's worth of runs, of one variant and precision.  A pass may hold the
 * runs of many tensors (aggregation): a rule loops over them, span_size apart. */
typedef struct descent_pass {
    uint32_t            struct_size;
    uint32_t            span_size;
    size_t              count;   /* number of spans, > 0                      */
    const void         *spans;   /* descent_span[count], span_size apart      */
    const descent_host *host;
    const descent_optimizer_type *type;
    uint32_t            variant; /* what variant() chose                      */
    descent_dtype       compute; /* DESCENT_DTYPE_F32 or DESCENT_DTYPE_F64    */
    descent_isa         isa;     /* levels that may be used                   */
    descent_dtype       stored;  /* 0; or DESCENT_DTYPE_BF16, only for types
                                    with DESCENT_FUSE_BF16 and compute F32:
                                    each span's grad is bf16, its weight the
                                    f32 master, and each new weight is also
                                    written to `stored`, rounded to nearest
                                    even; a NaN stays one, made quiet         */
    uint64_t            update;  /* the optimizer's updates, this one included */
    uint64_t            seed;    /* of the run, the option `seed`; with
                                    tensor_id, update and the element's index
                                    it keys random numbers                    */
    uint32_t            flags;   /* DESCENT_PASS_*; hints, so bits that a
                                    plugin does not know it ignores           */
    uint32_t            reserved;/* 0                                         */
} descent_pass;

/* ---- What prepare and create_state receive ---------------------------------- */

typedef struct descent_tensor_info {
    uint32_t       struct_size;
    uint32_t       ndim;
    const char    *name;         /* the model's name for it, or ""            */
    const int64_t *shape;        /* [ndim]                                    */
    int64_t        count;        /* product of shape                          */
    uint64_t       id;           /* hash of the name                          */
    descent_dtype  dtype;        /* storage type of the weights               */
    uint32_t       flags;        /* 0                                         */
} descent_tensor_info;

/* The moment for which prepare computes scalars. */
typedef struct descent_moment {
    uint32_t            struct_size;
    uint32_t            param_count;
    const descent_host *host;
    uint64_t            update;  /* the optimizer's updates, this one included */
    uint64_t            t;       /* for bias correction, 1 at the first: equals
                                    update when counted globally              */
    double              lr;      /* schedule x multiplier                     */
    double              weight_decay; /* x multiplier; 0 unless the type has
                                    DESCENT_TYPE_OWNS_DECAY                   */
    const double       *param;   /* current values, table order               */
    double             *scalar;  /* in/out: a copy of the scalar slots, stored
                                    only when the step succeeds               */
    uint32_t            variant; /* what variant() chose: a SELECTS parameter
                                    may be 0 in one update of its schedule    */
    uint32_t            reserved;/* 0                                         */
} descent_moment;

/* ---- Services of the core ----------------------------------------------------- */

struct descent_host {
    uint32_t    struct_size;
    uint16_t    abi_major, abi_minor;
    const char *version;              /* of the runtime, for messages         */
    /* Record why the current call fails; returns `code`.  [any] */
    descent_status (*fail)(const descent_host *, descent_status code,
                           const char *format, ...) DESCENT_PRINTF(3, 4);
    /* level: 0 debug, 1 info, 2 warning, 3 error.  [any] */
    void  (*log)(const descent_host *, int level,
                 const char *format, ...) DESCENT_PRINTF(3, 4);
    /* Zeroed, 64-byte aligned, from the application's allocator; release takes
     * the same size, and does nothing with NULL.  allocate returns NULL when it
     * cannot.  [any] */
    void *(*allocate)(const descent_host *, size_t bytes);
    void  (*release)(const descent_host *, void *, size_t bytes);
    /* Run task(arg, i) for i in [0, n) and wait.  The split is the caller's, so
     * results cannot depend on the number of threads.  Only from a tensor-scope
     * rule; does not nest.  [worker] */
    void  (*parallel)(const descent_host *, size_t n,
                      void (*task)(void *arg, size_t i), void *arg);
    /* A service by name, or NULL.  [any] */
    const void *(*extension)(const descent_host *, const char *id);
};

/* ---- The optimizer -------------------------------------------------------------- */

enum { DESCENT_SCOPE_ELEMENT = 1, DESCENT_SCOPE_TENSOR = 2 };
enum { DESCENT_RUNS_F32 = 1u << 0, DESCENT_RUNS_F64 = 1u << 1 };
enum {
    DESCENT_TYPE_OWNS_DECAY = 1u << 0, /* weight decay is part of the rule: the
                                          core passes it on and does not decay */
    DESCENT_TYPE_SERIAL     = 1u << 1  /* step must not run on two threads at
                                          once (rules in scripting languages)  */
};

/* What a plugin is: tables that describe it and the functions that run it. */
struct descent_optimizer_type {
    uint32_t    struct_size;
    uint16_t    scope, flags;         /* DESCENT_SCOPE_*; DESCENT_TYPE_*      */
    const char *id;                   /* "adam": the file is adam.so          */
    const char *title;                /* "Adam"                               */
    const char *reference;            /* paper or URL                         */
    const char *summary;              /* one sentence                         */

    const descent_param  *params;  uint32_t param_size,  param_count;
    const descent_preset *presets; uint32_t preset_size, preset_count;
    const descent_slot   *slots;   uint32_t slot_size,   slot_count;
    uint32_t    coef_count;           /* what prepare writes, <= MAX_COEFS    */
    uint32_t    variant_count;        /* 1 or more                            */
    uint32_t    runs;                 /* DESCENT_RUNS_*: precisions of step   */
    uint32_t    fuses;                /* DESCENT_FUSE_* that fused_step takes */
    uint32_t    state_version;        /* raise when slots change their meaning */
    uint32_t    reserved;             /* 0                                    */
    void       *user;                 /* the provider's own                   */

    /* All but step are optional; NULL takes the default in brackets.  Failing
     * functions return what host->fail() returned, after which the call of the
     * application fails with that text. */

    /* Make what this plugin keeps for one optimizer: *self is handed to every
     * other call and never read by the core.  `param` holds the checked values
     * of the type's own rows in table order, the row "learning_rate" left out
     * (here, in variant, in create_state and in descent_moment alike); an option
     * that follows a schedule arrives as its declared initial value.  Valid
     * during the call.  On failure *self must own nothing.  [main] [self NULL] */
    descent_status (*open)(const descent_optimizer_type *, const descent_host *,
                           const double *param, void **self);

    /* Release `self`, once, after the last call with it.  [main] [nothing] */
    void           (*close)(void *self);

    /* The variant, < variant_count, that these values select: a function of the
     * values of STRUCTURAL parameters, and of whether SELECTS ones are zero (a
     * scheduled one arrives as 1).  Cannot fail.  [any] [0] */
    uint32_t       (*variant)(const descent_optimizer_type *,
                              const double *param);

    /* Write the first contents of one tensor's slots, which hold the declared
     * values already: a pass of one span, the whole tensor, whose weight may be
     * read, whose gradient, coef and fuse are NULL, and whose `update` is how
     * many there have been.  Called once a tensor with elements, before its first
     * update; again only when creating state failed; not after loading state.
     * [main] [the declared `initial`] */
    descent_status (*create_state)(void *self, const double *param,
                                   const descent_tensor_info *,
                                   const descent_pass *);

    /* Write coef_count scalars of one update to `coef`, in double; the core
     * rounds each once to the compute type.  A function of `self` and the
     * moment alone, because it is called once for each distinct (param, lr,
     * weight_decay, t, scalars) of an update, never once a tensor where tensors
     * share them.
     * `coef` holds zeros before.  [main] [no scalars] */
    descent_status (*prepare)(void *self, const descent_moment *, double *coef);

    /* The bare rule: update weights and slots of every span from its final
     * gradient.  Writes nothing else, keeps no pointer.  A failure leaves the
     * optimizer unusable, so rules of element scope should have none.
     * [worker, or main for DESCENT_TYPE_SERIAL] */
    descent_status (*step)(void *self, const descent_pass *);

    /* The operations in span->fuse->mask and the rule, in one sweep over memory:
     * the same bits as the core's operations followed by step().  Each span has
     * its own fuse, never NULL, with a mask that is a subset of `fuses`.
     * [as step] [the core does the operations, then calls step] */
    descent_status (*fused_step)(void *self, const descent_pass *);

    /* Source text of a variant's rule, for people: a constant.  [any] [none] */
    const char    *(*rule)(const descent_optimizer_type *, uint32_t variant);

    /* A struct by name and revision, or NULL: a constant.  [any] [none] */
    const void    *(*extension)(const descent_optimizer_type *,
                                const char *id);

    /* Refuse, by host->fail(), values that are each in range but do not go
     * together: a function of the values as variant() gets them and of the name
     * of the flavour, "keras3", "keras2", "mxnet" or "torch".  Asked when an
     * optimizer is created, before open.  [any] [nothing is refused] */
    descent_status (*check)(const descent_optimizer_type *,
                            const descent_host *, const char *flavour,
                            const double *param);
};

/* ---- The entry --------------------------------------------------------------------- */

typedef struct descent_plugin {
    /* These seven fields never move, in any major version. */
    uint32_t    magic;                /* DESCENT_MAGIC: also catches endianness */
    uint32_t    struct_size;
    uint16_t    abi_major, abi_minor; /* of the header it was compiled with   */
    uint32_t    reserved;             /* 0                                    */
    const char *name;                 /* package, e.g. "descent-adam"         */
    const char *version;              /* of the package, "1.4.2"              */

    const char *license;              /* SPDX, or NULL                        */
    const char *author;               /* or NULL                              */
    uint32_t    type_size, type_count;
    const descent_optimizer_type *types;
} descent_plugin;

#define DESCENT_MAGIC 0x44534e31u     /* "DSN1"                               */

/* The one exported symbol.  Returns tables that live as long as the process, the
 * same at every call, or NULL after host->fail() to refuse.  `host` is never
 * NULL.  It may be called once a runtime, also from two threads at once; it must
 * be quick, start no threads, print nothing and change no state of the process
 * (rounding, locale, signal handlers).  [any] */
DESCENT_EXPORT const descent_plugin *descent_plugin_v1(const descent_host *);

#ifdef __cplusplus
}
#endif
#endif
