/* SPDX-License-Identifier: MIT */
/* Files of tensors: load, save, and what checkpoints need of files.  The first
 * two are named in errors as the functions of descent that call them. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "script/file.h"

/* How the types of files and of scripts go together.  u64 is written by the
 * runtime for counters; scripts hold it as i64. */
static const struct {
    descent_dtype core;
    tensor_dtype dtype;
    bool saved;
} types[] = {
    {DESCENT_DTYPE_F32, TENSOR_F32, true},
    {DESCENT_DTYPE_F64, TENSOR_F64, true},
    {DESCENT_DTYPE_F16, TENSOR_F16, true},
    {DESCENT_DTYPE_BF16, TENSOR_BF16, true},
    {DESCENT_DTYPE_U8, TENSOR_U8, true},
    {DESCENT_DTYPE_I64, TENSOR_I64, true},
    {DESCENT_DTYPE_U64, TENSOR_I64, false},
};
enum { TYPES = sizeof types / sizeof *types };

/* ---- Loading ------------------------------------------------------------- */

static tensor_dtype dtype_of(lua_State *L, const descent_tensor *t)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i].core == t->dtype)
            return types[i].dtype;
    error_raise(L, DESCENT_ERR_SUPPORT,
                "tensor '%s' has elements of a type that scripts do not have",
                t->name);
}

static void check_sign(lua_State *L, const descent_tensor *t, const tensor *to)
{
    const int64_t *values = to->data;

    for (int64_t i = 0; t->dtype == DESCENT_DTYPE_U64 && i < to->count; i++)
        if (values[i] < 0)
            error_raise(L, DESCENT_ERR_SUPPORT,
                        "tensor '%s' has an element over 2^63 - 1, which "
                        "scripts cannot hold",
                        t->name);
}

/* The file, light userdata at 1, into the tables at 2 and 3. */
static int load_protected(lua_State *L)
{
    descent_file *file = lua_touserdata(L, 1);
    const size_t count = descent_file_count(file);
    const char *key;

    for (size_t i = 0; i < count; i++) {
        descent_tensor t = {.struct_size = sizeof t};
        tensor *to;

        error_check(L, descent_file_tensor(file, i, &t));
        to = tensor_new(L, dtype_of(L, &t), (int)t.ndim, t.shape);
        error_check(L, descent_file_read(file, i, to->data, tensor_bytes(to)));
        check_sign(L, &t, to);
        lua_setfield(L, 2, t.name);
    }
    for (size_t i = 0; (key = descent_file_key(file, i)) != NULL; i++) {
        lua_pushstring(L, descent_file_text(file, key));
        lua_setfield(L, 3, key);
    }
    return 0;
}

/* load(path) -> table name -> Tensor, table key -> text */
static int file_load(lua_State *L)
{
    const char *path = argument_text(L, 1, "path");
    descent_runtime *runtime = context_runtime(L);
    descent_file *file = NULL;
    int status;

    argument_end(L, 1);
    luaL_checkstack(L, 20, NULL);
    lua_newtable(L);
    lua_newtable(L);
    /* A closure like its caller, for the name and the context in errors. */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushcclosure(L, load_protected, 2);
    CORE_CHECK(L, descent_file_open(runtime, path, &file));
    lua_pushlightuserdata(L, file);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    status = lua_pcall(L, 3, 0, 0);
    descent_file_close(file);
    if (status != LUA_OK)
        lua_error(L);
    return 2;
}

/* ---- Saving -------------------------------------------------------------- */

static size_t count_entries(lua_State *L, int index)
{
    size_t count = 0;

    lua_pushnil(L);
    for (; lua_next(L, index) != 0; count++)
        lua_pop(L, 1);
    return count;
}

static const char *key_text(lua_State *L, const char *what)
{
    if (lua_type(L, -2) != LUA_TSTRING)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s is %s: expected a string",
                    what, argument_kind(L, lua_gettop(L) - 1));
    return argument_text(L, lua_gettop(L) - 1, what);
}

static void fill_tensor(lua_State *L, descent_tensor *out)
{
    const char *name = key_text(L, "the name of a tensor");
    const tensor *t;

    if (class_test(L, -1, CLASS_TENSOR) == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT, "'%s' is %s: expected a Tensor",
                    name, argument_kind(L, lua_gettop(L)));
    t = tensor_check(L, lua_gettop(L));
    *out = (descent_tensor){.struct_size = sizeof *out,
                            .name = name,
                            .ndim = (uint32_t)t->ndim,
                            .shape = t->ndim > 0 ? t->shape : NULL,
                            .data = t->data};
    for (int i = 0; i < TYPES; i++)
        if (types[i].saved && types[i].dtype == t->dtype)
            out->dtype = types[i].core;
}

/* Room for the entries of a table is made before they are read: while there is
 * room to make, finalizers may run and change the table. */
static void check_room(lua_State *L, size_t at, size_t room)
{
    if (at >= room)
        error_raise(L, DESCENT_ERR_STATE,
                    "a table grew while it was being saved");
}

/* Read the table of tensors at `index`; returns how many. */
static size_t fill_tensors(lua_State *L, int index, descent_tensor *to,
                           size_t room)
{
    size_t n = 0;

    lua_pushnil(L);
    for (; lua_next(L, index) != 0; lua_pop(L, 1)) {
        check_room(L, n, room);
        fill_tensor(L, &to[n++]);
    }
    return n;
}

/* Read the table of texts at `index` as key, text, ..., NULL. */
static void fill_metadata(lua_State *L, int index, const char **to, size_t room)
{
    size_t n = 0;

    lua_pushnil(L);
    for (; lua_next(L, index) != 0; lua_pop(L, 1)) {
        check_room(L, n, room);
        to[2 * n] = key_text(L, "a key of the metadata");
        if (lua_type(L, -1) != LUA_TSTRING)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "metadata '%s' is %s: expected a string", to[2 * n],
                        argument_kind(L, lua_gettop(L)));
        to[2 * n + 1] = argument_text(L, lua_gettop(L), "metadata");
        n++;
    }
    to[2 * n] = NULL;
}

file_content file_push_content(lua_State *L, int tensors, int texts)
{
    file_content c = {.texts = NULL};
    size_t count, room = 0;

    luaL_checkstack(L, 20, NULL);
    if (!argument_table(L, tensors, "tensors"))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "tensors is %s: expected a table of names and Tensors",
                    argument_kind(L, tensors));
    count = count_entries(L, tensors);
    c.tensors = lua_newuserdatauv(L, (count + 1) * sizeof *c.tensors, 0);
    if (argument_table(L, texts, "metadata")) {
        room = count_entries(L, texts);
        c.texts = lua_newuserdatauv(L, (2 * room + 1) * sizeof *c.texts, 0);
        fill_metadata(L, texts, c.texts, room);
    }
    c.count = fill_tensors(L, tensors, c.tensors, count);
    return c;
}

/* save(path, tensors[, metadata]) */
static int file_save(lua_State *L)
{
    const char *path = argument_text(L, 1, "path");
    descent_runtime *runtime = context_runtime(L);
    file_content c;

    argument_end(L, 3);
    lua_settop(L, 3);
    c = file_push_content(L, 2, 3);
    CORE_CHECK(L,
               descent_file_save(runtime, path, c.tensors, c.count, c.texts));
    return 0;
}

/* file_replace(path, bytes) */
static int file_replace(lua_State *L)
{
    const char *path = argument_text(L, 1, "path");
    descent_runtime *runtime = context_runtime(L);
    const char *bytes;
    size_t size = 0;

    argument_end(L, 2);
    if (lua_type(L, 2) != LUA_TSTRING)
        argument_text(L, 2, "bytes");
    bytes = lua_tolstring(L, 2, &size);
    CORE_CHECK(L, descent_file_replace(runtime, path, bytes, size));
    return 0;
}

/* file_verify(path): raises unless the file is whole */
static int file_verify(lua_State *L)
{
    const char *path = argument_text(L, 1, "path");

    argument_end(L, 1);
    CORE_CHECK(L, descent_checkpoint_verify(context_runtime(L), path));
    return 0;
}

/* Add the regular files of a directory to the table at the top; with the time
 * of their last change, in nanoseconds. */
static void list_files(lua_State *L, DIR *directory)
{
    const struct dirent *entry;
    struct stat status;

    while ((entry = readdir(directory)) != NULL) {
        if (fstatat(dirfd(directory), entry->d_name, &status, 0) != 0 ||
            !S_ISREG(status.st_mode))
            continue;
        lua_pushinteger(L, (lua_Integer)status.st_mtim.tv_sec * 1000000000 +
                               status.st_mtim.tv_nsec);
        lua_setfield(L, -2, entry->d_name);
    }
}

static int list_protected(lua_State *L)
{
    DIR *directory = lua_touserdata(L, 2);

    lua_settop(L, 1);
    list_files(L, directory);
    return 0;
}

/* file_list(directory) -> table name -> time */
static int file_list(lua_State *L)
{
    const char *path = argument_text(L, 1, "directory");
    DIR *directory;
    int status;

    argument_end(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, list_protected);
    lua_pushvalue(L, 2);
    directory = opendir(path);
    if (directory == NULL)
        error_raise(L, DESCENT_ERR_IO, "%s: %s", path, strerror(errno));
    lua_pushlightuserdata(L, directory);
    status = lua_pcall(L, 2, 0, 0);
    closedir(directory);
    if (status != LUA_OK)
        lua_error(L);
    return 1;
}

const function_entry file_functions[] = {{"load", file_load, 0},
                                         {"save", file_save, 0},
                                         {"file_list", file_list, 0},
                                         {"file_verify", file_verify, 0},
                                         {"file_replace", file_replace, 0},
                                         {NULL, NULL, 0}};
