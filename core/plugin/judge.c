/* SPDX-License-Identifier: MIT */
#include "plugin/judge.h"

#include <string.h>

#include "plugin/find.h"

enum { MAX_TYPES = 64, MAX_VARIANTS = 32 };

enum {
    KNOWN_FLAGS = DESCENT_TYPE_OWNS_DECAY | DESCENT_TYPE_SERIAL,
    KNOWN_RUNS = DESCENT_RUNS_F32 | DESCENT_RUNS_F64,
    KNOWN_FUSES = DESCENT_FUSE_SCALE | DESCENT_FUSE_CLIP | DESCENT_FUSE_L2 |
                  DESCENT_FUSE_DECAY | DESCENT_FUSE_EMA | DESCENT_FUSE_BF16
};

/* Bytes of version 1.0, which no plugin may fall short of. */
#define LEAST_PLUGIN JUDGE_THROUGH(descent_plugin, types)
#define LEAST_TYPE JUDGE_THROUGH(descent_optimizer_type, extension)

static bool is_aligned(const void *table)
{
    return (uintptr_t)table % sizeof(void *) == 0;
}

const descent_optimizer_type *judge_type_at(const descent_plugin *plugin,
                                            uint32_t i)
{
    return (const void *)((const char *)plugin->types +
                          (size_t)i * plugin->type_size);
}

static descent_status judge_header(const descent_plugin *p)
{
    if (!is_aligned(p))
        return status_fail(DESCENT_ERR_ABI,
                           "its entry returned a misaligned address; build it "
                           "with DESCENT_PLUGIN of descent/kernel.h");
    if (p->magic != DESCENT_MAGIC)
        return status_fail(DESCENT_ERR_ABI,
                           "magic = 0x%08x, expected 0x%08x; build it with "
                           "DESCENT_PLUGIN of descent/kernel.h",
                           p->magic, DESCENT_MAGIC);
    if (p->abi_major != DESCENT_ABI_MAJOR)
        return status_fail(DESCENT_ERR_ABI,
                           "built for plugin ABI %u, this is %d; rebuild it "
                           "with the headers of this installation",
                           p->abi_major, DESCENT_ABI_MAJOR);
    if (p->struct_size < LEAST_PLUGIN)
        return status_fail(DESCENT_ERR_ABI,
                           "struct_size of descent_plugin = %u, expected at "
                           "least %zu; rebuild it with the headers of this "
                           "installation",
                           p->struct_size, LEAST_PLUGIN);
    if (p->reserved != 0)
        return status_fail(
            DESCENT_ERR_ABI,
            "reserved of descent_plugin = %u, expected 0" JUDGE_TELL,
            p->reserved);
    return DESCENT_OK;
}

descent_status judge_plugin(const descent_plugin *p)
{
    TRY(judge_header(p));
    if (!judge_is_text(p->name) || !judge_is_text(p->version))
        return status_fail(DESCENT_ERR_ABI,
                           "name or version of descent_plugin: expected UTF-8 "
                           "text without control bytes" JUDGE_TELL);
    if ((p->license != NULL && !judge_is_text(p->license)) ||
        (p->author != NULL && !judge_is_text(p->author)))
        return status_fail(
            DESCENT_ERR_ABI,
            "license or author of descent_plugin: expected "
            "UTF-8 text without control bytes, or NULL" JUDGE_TELL);
    if (p->type_count == 0 || p->type_count > MAX_TYPES)
        return status_fail(DESCENT_ERR_ABI,
                           "type_count = %u, expected 1 to %d" JUDGE_TELL,
                           p->type_count, MAX_TYPES);
    if (p->types == NULL || !is_aligned(p->types) ||
        p->type_size < LEAST_TYPE || p->type_size % sizeof(void *) != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "types: NULL, misaligned, or type_size = %u where "
                           "at least %zu is expected; rebuild it with the "
                           "headers of this installation",
                           p->type_size, LEAST_TYPE);
    for (uint32_t i = 0; i < p->type_count; i++) {
        const char *id = judge_type_at(p, i)->id;
        if (id == NULL)
            return status_fail(
                DESCENT_ERR_ABI,
                "id of type %u = NULL, expected a name" JUDGE_TELL, i);
        if (!find_is_name(id))
            return status_fail(DESCENT_ERR_ABI,
                               "id of type %u = \"%.92s\", expected a small "
                               "letter, then at most 31 small letters, digits "
                               "or _" JUDGE_TELL,
                               i, id);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(judge_type_at(p, k)->id, id) == 0)
                return status_fail(DESCENT_ERR_ABI,
                                   "types %u and %u have the same id, "
                                   "\"%s\"" JUDGE_TELL,
                                   k, i, id);
    }
    return DESCENT_OK;
}

descent_status judge_table(const judged *j, const char *what, const void *rows,
                           uint32_t size, uint32_t count, size_t least,
                           uint32_t most)
{
    if (count > most)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: %u %s, expected at most %u" JUDGE_TELL,
                           j->type->id, count, what, most);
    if (count == 0)
        return DESCENT_OK;
    if (rows == NULL || !is_aligned(rows))
        return status_fail(
            DESCENT_ERR_ABI,
            "%s: its table of %s is NULL or misaligned" JUDGE_TELL, j->type->id,
            what);
    if (size < least || size % sizeof(void *) != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: its %s have %u bytes each, expected at least "
                           "%zu; rebuild it with the headers of this "
                           "installation",
                           j->type->id, what, size, least);
    return DESCENT_OK;
}

descent_status judge_row(const judged *j, const char *what, uint32_t i,
                         uint32_t struct_size, size_t least,
                         uint32_t table_size)
{
    if (struct_size >= least && struct_size <= table_size)
        return DESCENT_OK;
    return status_fail(
        DESCENT_ERR_ABI,
        "%s: struct_size of %s %u = %u, expected %zu to %u" JUDGE_TELL,
        j->type->id, what, i, struct_size, least, table_size);
}

/* Numbers of a type that must lie in a range or be made of known bits. */
static descent_status judge_numbers(const descent_optimizer_type *t)
{
    const struct {
        const char *name;
        uint32_t value, least, most, unknown;
    } numbers[] = {
        {"scope", t->scope, DESCENT_SCOPE_ELEMENT, DESCENT_SCOPE_TENSOR, 0},
        {"flags", t->flags, 0, UINT32_MAX, ~(uint32_t)KNOWN_FLAGS},
        {"coef_count", t->coef_count, 0, DESCENT_MAX_COEFS, 0},
        {"variant_count", t->variant_count, 1, MAX_VARIANTS, 0},
        {"runs", t->runs, 1, UINT32_MAX, ~(uint32_t)KNOWN_RUNS},
        {"fuses", t->fuses, 0, UINT32_MAX, ~(uint32_t)KNOWN_FUSES},
        {"reserved", t->reserved, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const uint32_t value = numbers[i].value;
        if (value < numbers[i].least)
            return status_fail(DESCENT_ERR_ABI,
                               "%s: %s = %u, expected at least %u" JUDGE_TELL,
                               t->id, numbers[i].name, value, numbers[i].least);
        if (value > numbers[i].most)
            return status_fail(DESCENT_ERR_ABI,
                               "%s: %s = %u, expected at most %u" JUDGE_TELL,
                               t->id, numbers[i].name, value, numbers[i].most);
        if ((value & numbers[i].unknown) != 0)
            return status_fail(DESCENT_ERR_ABI,
                               "%s: %s = 0x%x has bits that this version does "
                               "not know (0x%x); it needs a newer Descent",
                               t->id, numbers[i].name, value,
                               value & numbers[i].unknown);
    }
    return DESCENT_OK;
}

static descent_status judge_texts(const descent_optimizer_type *t)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {"title", t->title},
        {"reference", t->reference},
        {"summary", t->summary},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!judge_is_text(texts[i].text))
            return status_fail(DESCENT_ERR_ABI,
                               "%s: %s: expected UTF-8 text without control "
                               "bytes, not empty" JUDGE_TELL,
                               t->id, texts[i].name);
    return DESCENT_OK;
}

descent_status judge_type(const descent_optimizer_type *type,
                          uint32_t type_size, judge_core_option *is_core)
{
    const judged j = {type, is_core};

    TRY(judge_row(&j, "type", 0, type->struct_size, LEAST_TYPE, type_size));
    TRY(judge_numbers(type));
    TRY(judge_texts(type));
    if (type->step == NULL)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: step = NULL, expected the function that every "
                           "optimizer has" JUDGE_TELL,
                           type->id);
    TRY(judge_params(&j));
    TRY(judge_presets(&j));
    return judge_slots(&j);
}
